"""The lab's OpenNebula front-end: the XML-RPC calls that edgewrap and its lab use, kept in SQLite.

It is held to the recorded answers of two real front-ends (`tests/data/opennebula/`): same names, ids, states,
element paths, error texts and codes. `docs/lab-opennebula.md` says what it copies and what it leaves out.

    server      XML-RPC over HTTP, one call at a time
    calls       which function answers which method, its parameters, refusals and faults
    frontend    what every call works on: the store, the release, the clock
    store       the objects, in memory and in SQLite; one transaction a call
    records     the objects as immutable data
    template    OpenNebula's template language
    common      info, pool, rename, update, chown, chmod: the same for every kind
    ...         one file an object kind, and its calls
    monitoring  the SSH login that makes a host MONITORED
"""
