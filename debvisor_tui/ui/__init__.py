"""The terminal's face: knows the journal's views and the runner's messages, and neither tasks nor platforms."""
