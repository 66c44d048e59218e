"""The client of the front-end's XML-RPC API.

client.py        calls, with answers as XML elements and numbers
credentials.py   the endpoint and the login
transport.py     HTTP and HTTPS
retry.py         which calls are repeated, and how long
errors.py        from pyone's exceptions to edgewrap's errors
"""
