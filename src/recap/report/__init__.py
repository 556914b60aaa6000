"""How results are shown: tables for people."""
