"""The memory manager: one module per idea, each under the name the kernel gives it."""
