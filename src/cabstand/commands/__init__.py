"""The commands of the program, one file per subject; `cli.py` gives them their names."""
