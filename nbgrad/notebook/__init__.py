"""The Jupyter side: the magic, the live explorer, and the extension's entry points. The only place for IPython and widgets."""
