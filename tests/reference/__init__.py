"""The allocator's rules once more, slow and obvious: the specification the engine is held against.

Free lists are lists, counts are counted when asked for, a block's place is found by looking. Each module
states the rules of one idea, from the kernel's own text (6.1, mm/page_alloc.c) and the 2008 capture series.
"""
