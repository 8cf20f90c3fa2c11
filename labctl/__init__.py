"""Runs cycling protocols on electrochemical cells, knowing instruments only by their contracts."""
