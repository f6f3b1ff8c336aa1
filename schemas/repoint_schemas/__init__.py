"""Models of every document Repoint reads or writes, and their published JSON Schemas."""
