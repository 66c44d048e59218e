"""Plane 2: the cluster, hosts, datastores, public network and private network template on the front-end."""
