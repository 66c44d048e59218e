"""The fabric plays the VPCs and their internet gateways, and the internet beyond them."""
