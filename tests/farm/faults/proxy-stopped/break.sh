stop proxy
