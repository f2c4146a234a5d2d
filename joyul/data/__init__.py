"""From files to examples: read, find the columns, split. Knows no model."""
