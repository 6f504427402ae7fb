"""One Jinja snippet a platform: the browser half, as it is rendered into the page."""
