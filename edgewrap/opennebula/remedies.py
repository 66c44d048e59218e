"""Error messages of a front-end, or of a proxy before it: the likely cause and what to do.

The patterns match `EXCEPTION: text`, with the class that pyone, requests or the XML parser raised: neither is enough
alone. 7.4 answers a duplicate name with another code than 7.0, and pyone drops codes for which it has no class.
"""

from __future__ import annotations

from edgewrap.remedies import Remedy

OTHER_CERTIFICATE = Remedy(
    r"SSLError.*(Hostname mismatch|doesn't match|IP address mismatch)",
    "its certificate is for another name than the one in the endpoint",
    "set opennebula.endpoint to the name in the certificate",
)
OUT_OF_DATE = Remedy(
    r"SSLError.*certificate (has expired|is not yet valid)",
    "it is expired or not valid yet, or this machine's clock is wrong",
    "renew it on the front-end, or set the clock (`timedatectl`)",
)
UNTRUSTED = Remedy(
    r"SSLError.*CERTIFICATE_VERIFY_FAILED",
    "it is signed by an authority that this machine does not know",
    "set opennebula.ca_file to the file of the authority that signed it",
)
UNKNOWN_USER = Remedy(
    r"OneAuthenticationException",
    "the user does not exist, or the password is wrong",
    "make sure that ONE_AUTH (or ~/.one/one_auth) has the right user:password",
)
LOCKED = Remedy(
    r"(?<!database) is locked\b",
    "a user locked it",
    "ask the user who locked it (see `onevnet show` or `onevntemplate show`), unlock it, then re-run",
)
TOO_FEW_RIGHTS = Remedy(
    r"OneAuthorizationException|Not authorized to perform",
    "the user has too few rights on the front-end",
    "use a user of the group oneadmin, or grant the right with `oneacl create`",
)
GONE = Remedy(
    r"OneNoExistsException|Address Range does not exist|Address Range with ID \d+ was not found",
    "deleted by someone else during this run",
    "re-run",
)
NAME_TAKEN = Remedy(
    r"NAME is already taken by|because it collides with", "created by someone else during this run", "re-run"
)
IN_USE = Remedy(r"leases in use|running VMs|currently running", "a VM uses it", "terminate or move the VM, then re-run")
NOT_EMPTY = Remedy(
    r"is not empty",
    "it has objects in it that edgewrap did not create",
    "delete or move them (see `onecluster show` or `onedatastore show`), then re-run",
)
NO_METHOD = Remedy(
    r"Fault -506:",
    "its version is older than 6.10, or it is not an OpenNebula front-end",
    "use an OpenNebula of version 6.10 to 7.4",
)
NO_XML_RPC = Remedy(
    r"ExpatError|ResponseError|ParseError|XMLSyntaxError",
    "the service at that address does not use XML-RPC: a web page, or something else",
    "make sure that opennebula.endpoint is the address of oned, e.g. http://frontend:2633/RPC2",
)

REMEDIES = (
    OTHER_CERTIFICATE,
    Remedy(
        r"SSLError.*(WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|record layer failure)",
        "the service at that address does not use TLS: oned itself uses plain HTTP",
        "use http:// in opennebula.endpoint, or the port of the TLS proxy before oned",
    ),
    OUT_OF_DATE,
    Remedy(
        r"SSLError.*NO_CERTIFICATE_OR_CRL_FOUND",
        "the file of opennebula.ca_file has no certificate in it",
        "set opennebula.ca_file to the authority's file in PEM form (`-----BEGIN CERTIFICATE-----`)",
    ),
    UNTRUSTED,
    Remedy(
        r"SSLError.*(SSLEOFError|SSLZeroReturnError|UNEXPECTED_EOF|EOF occurred)",
        "the TLS proxy before oned restarts, or does not accept connections from this machine",
        "check that it runs, then re-run: edgewrap resumes where it stopped",
    ),
    Remedy(
        r"SSLError",
        "the two sides have no TLS settings in common: versions, ciphers, or a client certificate is missing",
        "see the log of the TLS proxy before oned",
    ),
    Remedy(
        r"ProxyError",
        "the proxy in HTTP_PROXY or HTTPS_PROXY does not answer",
        "correct it, or add the front-end to NO_PROXY",
    ),
    Remedy(
        r"Timeout|timed out",
        "a firewall drops the packets, or the front-end is overloaded",
        "make sure that this machine reaches the front-end's port, then re-run",
    ),
    Remedy(
        r"NameResolutionError|Failed to resolve|Name or service not known|name resolution",
        "its name cannot be resolved here",
        "correct opennebula.endpoint (or ONE_XMLRPC), or this machine's DNS settings",
    ),
    Remedy(
        r"ConnectionError.*(Connection refused|Errno 111)",
        "nothing listens on that port: oned is down, or listens elsewhere",
        "start oned (`systemctl start opennebula`); make sure that opennebula.endpoint has its port, and that it "
        "listens on more than 127.0.0.1 (LISTEN_ADDRESS in oned.conf)",
    ),
    Remedy(
        r"No route to host|Network is unreachable",
        "this machine has no route to it",
        "check this machine's network and VPN",
    ),
    Remedy(
        r"Connection aborted|ConnectionReset|RemoteDisconnected|ChunkedEncodingError|Connection broken",
        "oned was stopped or restarted in the middle of the call",
        "re-run when it is up: edgewrap resumes where it stopped",
    ),
    Remedy(
        r"ProtocolError.* (502|503|504) ",
        "the proxy before oned does not reach it",
        "make sure that oned runs, then re-run",
    ),
    Remedy(
        r"ProtocolError.* (401|403|407) ",
        "a proxy before oned requires its own login",
        "use the address of oned itself, e.g. http://frontend:2633/RPC2",
    ),
    Remedy(
        r"ProtocolError.* 30[12378] ",
        "it redirects to another address, and edgewrap sends the password only to the address in the spec",
        "set opennebula.endpoint to the address of the redirect: often https:// instead of http://",
    ),
    Remedy(
        r"ProtocolError",
        "the server there is not oned's XML-RPC server, or a proxy before it fails",
        "make sure that opennebula.endpoint ends in /RPC2 and that oned runs",
    ),
    Remedy(
        r"ConnectionError|RequestException|InvalidURL|InvalidSchema",
        "this machine cannot reach it",
        "make sure that oned runs there and that opennebula.endpoint (or ONE_XMLRPC) is right",
    ),
    UNKNOWN_USER,
    LOCKED,
    Remedy(
        r"limit of \S+ reached for \S+ quota",
        "a quota of the user or group on the front-end is used up",
        "raise it (`oneuser quota`, `onegroup quota`), or use a user of the group oneadmin",
    ),
    TOO_FEW_RIGHTS,
    Remedy(
        r"Error getting user \[\d+\]",
        "the user who owns the cluster (OWNER_UID in its EDGEWRAP attribute) is no longer on the front-end",
        "as oneadmin, give every object with the cluster's EDGEWRAP attribute to another user (`chown`), and set "
        "OWNER_UID of each to that user's id, the cluster's own last",
    ),
    Remedy(
        r"already owns .* with NAME",
        "the cluster's owner has another object of that name, which is not this cluster's",
        "rename that object, or this cluster, then re-run",
    ),
    GONE,
    NAME_TAKEN,
    IN_USE,
    NOT_EMPTY,
    Remedy(
        r"wrong state:? (LOCK|LOCK_CREATE|LOCK_DELETE)\b",
        "one of the front-end's drivers still works on it",
        "re-run in a minute",
    ),
    Remedy(
        r"wrong state:? (ERROR|UPDATE_FAILURE)\b",
        "its driver failed on the front-end",
        "see its ERROR attribute (`onevnet show`) and /var/log/one/oned.log on the front-end, fix that, then re-run",
    ),
    Remedy(
        r"_MAD named \"[^\"]*\" is not defined in oned\.conf",
        "the front-end is not configured with that driver",
        "add it to /etc/one/oned.conf on the front-end and restart it; `edgewrap preflight` lists all that are missing",
    ),
    Remedy(
        r"Invalid (HOST)?NAME",
        "the front-end does not accept that name",
        "correct `name` in the spec: letters, digits, `-` and `_`",
    ),
    NO_METHOD,
    Remedy(
        r"Fault -50[12]:",
        "its version expects arguments that edgewrap does not know",
        "use an OpenNebula of version 6.10 to 7.4",
    ),
    Remedy(
        r"database is locked|Error (inserting|updating) \w+ in DB\.?$|MySQL server has gone away",
        "the front-end could not write to its database",
        "see /var/log/one/oned.log on the front-end, repair the database or free space on its disk, then re-run",
    ),
    Remedy(
        r"no reason given",
        "most likely the range has an IPAM driver that is not in the front-end's oned.conf",
        "add it there (IPAM_MAD), or remove the range's IPAM_MAD",
    ),
    Remedy(
        r"Request timeout|IPAM|ipam",
        "the IPAM driver of the front-end failed, or took longer than 90 s",
        "see /var/log/one/oned.log on the front-end",
    ),
    NO_XML_RPC,
)
