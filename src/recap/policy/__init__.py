"""What is compared: one rule for freed pages per file, each short enough to read in a minute."""
