"""Configure Sphinx, which builds the documentation as a static site (`make docs`).

scripts/sitekit/operations/pages/build_site.py copies the pages to the source folder before.
"""

project = "sitekit"
copyright = "the sitekit developers"
extensions = ["myst_parser"]
root_doc = "README"
source_suffix = {".md": "markdown"}
exclude_patterns: list[str] = []
nitpicky = True
myst_heading_anchors = 4
html_theme = "furo"
html_title = "sitekit"
html_static_path = ["theme"]
html_css_files = ["sitekit.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "tango"
highlight_language = "none"
