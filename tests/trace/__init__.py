"""The trace readers, held against files made here, a real recording, a second decoder and trace-cmd."""
