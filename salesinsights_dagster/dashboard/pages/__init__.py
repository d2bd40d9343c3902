"""One module per page. Add here: a page. Not here: what pages share (`parts`, `board`)."""
