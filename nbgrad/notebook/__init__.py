"""The notebook layer: the only place for IPython, ipywidgets and anywidget."""
