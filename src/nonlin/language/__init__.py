"""The formula language: text becomes a tree of atoms, smooth on each interval between its kinks."""
