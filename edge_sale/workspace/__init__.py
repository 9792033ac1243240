"""Work on a folder of files: a private copy, the tools that models call in it, patches and undo."""
