"""The cellar: what is kept on disk and how it is kept safe. Disk only."""
