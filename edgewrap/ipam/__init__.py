"""The IPAM driver: OpenNebula requests and returns Elastic IPs through it. AWS decides who gets which; the driver has
no lock, no Terraform and no state.

quick.py       the actions that have nothing to do; starts as fast as Python itself
protocol.py    what the front-end sends, and what it expects back
driver.py      register and unregister: dispatch, deadline, one line for each error
specs.py       which cluster a range belongs to: the specs on the front-end
register.py    a range gets an Elastic IP, or returns it
install.py     the driver's scripts on the front-end, and what is missing there
"""
