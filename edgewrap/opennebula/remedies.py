"""What a front-end, or whatever stands between, says when it fails: the likely cause and what to do.

The messages are searched as `EXCEPTION: text`, with the class that pyone, requests or the XML parser raised: neither
tells everything alone. 7.4 answers a duplicate name with another code than 7.0, and pyone throws the codes it has no
class for away.
"""

from __future__ import annotations

from edgewrap.remedies import Remedy

OTHER_CERTIFICATE = Remedy(
    r"SSLError.*(Hostname mismatch|doesn't match|IP address mismatch)",
    "its certificate is for another name than the one in the endpoint",
    "write the name that the certificate is for into opennebula.endpoint",
)
NO_TLS = Remedy(
    r"SSLError.*(WRONG_VERSION_NUMBER|UNKNOWN_PROTOCOL|record layer failure)",
    "what answers there does not speak TLS: oned itself speaks plain HTTP",
    "write http:// in opennebula.endpoint, or name the port of the TLS proxy before oned",
)
OUT_OF_DATE = Remedy(
    r"SSLError.*certificate (has expired|is not yet valid)",
    "it is out of date, or this machine's clock is wrong",
    "renew it on the front-end, or set the clock (`timedatectl`)",
)
NO_AUTHORITY = Remedy(
    r"SSLError.*NO_CERTIFICATE_OR_CRL_FOUND",
    "there is no certificate in the file that opennebula.ca_file names",
    "name the authority's file in PEM form (`-----BEGIN CERTIFICATE-----`)",
)
UNTRUSTED = Remedy(
    r"SSLError.*CERTIFICATE_VERIFY_FAILED",
    "it is signed by an authority that this machine does not know",
    "set opennebula.ca_file to the file of the authority that signed it",
)
TLS_BROKEN_OFF = Remedy(
    r"SSLError.*(SSLEOFError|SSLZeroReturnError|UNEXPECTED_EOF|EOF occurred)",
    "the TLS proxy before oned restarts, or takes connections from elsewhere only",
    "see whether it runs, then run again: the run goes on from where it was",
)
NO_AGREEMENT = Remedy(
    r"SSLError",
    "the two sides do not agree on how to speak TLS: its versions, its ciphers, or a client certificate",
    "look at the log of the TLS proxy before oned",
)
PROXY = Remedy(
    r"ProxyError",
    "the proxy that HTTP_PROXY or HTTPS_PROXY names does not answer",
    "correct it, or name the front-end in NO_PROXY",
)
TIMED_OUT = Remedy(
    r"Timeout|timed out",
    "a firewall drops the packets, or the front-end is overloaded",
    "see to it that this machine reaches the front-end's port, then run again",
)
NO_NAME = Remedy(
    r"NameResolutionError|Failed to resolve|Name or service not known|name resolution",
    "its name cannot be resolved here",
    "correct opennebula.endpoint (or ONE_XMLRPC), or this machine's name service",
)
REFUSED = Remedy(
    r"ConnectionError.*(Connection refused|Errno 111)",
    "nothing listens on that port: oned is down, or listens elsewhere",
    "start oned (`systemctl start opennebula`); see to it that opennebula.endpoint has its port, and that it "
    "listens on more than 127.0.0.1 (LISTEN_ADDRESS in oned.conf)",
)
NO_ROUTE = Remedy(
    r"No route to host|Network is unreachable",
    "there is no way to it from here",
    "check this machine's network and VPN",
)
BROKEN_OFF = Remedy(
    r"Connection aborted|ConnectionReset|RemoteDisconnected|ChunkedEncodingError|Connection broken",
    "oned was stopped or restarted in the middle of the call",
    "run again when it is up: it goes on from here",
)
GATEWAY = Remedy(
    r"ProtocolError.* (502|503|504) ",
    "the proxy before oned does not reach it",
    "see to it that oned runs, then run again",
)
NOT_LET_IN = Remedy(
    r"ProtocolError.* (401|403|407) ",
    "a proxy before oned wants a login of its own",
    "use the address of oned itself, e.g. http://frontend:2633/RPC2",
)
REDIRECTED = Remedy(
    r"ProtocolError.* 30[12378] ",
    "it sends callers elsewhere, and the password is sent nowhere but to the address named",
    "write the address that it sends to into opennebula.endpoint: often https:// in the place of http://",
)
NOT_ONED = Remedy(
    r"ProtocolError",
    "something else than oned's XML-RPC server answers there, or a proxy before it fails",
    "see to it that opennebula.endpoint ends in /RPC2 and that oned runs",
)
UNREACHABLE = Remedy(
    r"ConnectionError|RequestException|InvalidURL|InvalidSchema",
    "it cannot be reached from here",
    "see to it that oned runs there and that opennebula.endpoint (or ONE_XMLRPC) is right",
)
UNKNOWN_USER = Remedy(
    r"OneAuthenticationException",
    "there is no such user, or the password is wrong",
    "see to it that ONE_AUTH (or ~/.one/one_auth) holds the right user:password",
)
LOCKED = Remedy(
    r"(?<!database) is locked\b",
    "somebody locked it",
    "ask whoever locked it (`onevnet show` or `onevntemplate show` names the user), unlock it, then run again",
)
TOO_FEW_RIGHTS = Remedy(
    r"OneAuthorizationException|Not authorized to perform",
    "the user has too few rights on the front-end",
    "use a user of the group oneadmin, or grant the right with `oneacl create`",
)
OWNER_GONE = Remedy(
    r"Error getting user \[\d+\]",
    "the user who owns the cluster (OWNER_UID in its EDGEWRAP attribute) is no longer on the front-end",
    "have oneadmin give every object with the cluster's EDGEWRAP attribute to a user who is there (`chown`), and write "
    "that user's id into OWNER_UID of each, the cluster's own last",
)
OWNED_ALREADY = Remedy(
    r"already owns .* with NAME",
    "the cluster's owner has another one of that name, which is not this cluster's",
    "rename that one, or this cluster, then run again",
)
GONE = Remedy(
    r"OneNoExistsException|Address Range does not exist|Address Range with ID \d+ was not found",
    "somebody took it away meanwhile",
    "run again",
)
NAME_TAKEN = Remedy(
    r"NAME is already taken by|because it collides with",
    "somebody made it meanwhile",
    "run again",
)
IN_USE = Remedy(
    r"leases in use|running VMs|currently running",
    "a VM uses it",
    "take the VM away or move it, then run again",
)
NOT_EMPTY = Remedy(
    r"is not empty",
    "something that edgewrap did not make is in it",
    "take away or move what it holds (`onecluster show` or `onedatastore show` names it), then run again",
)
WRONG_STATE = Remedy(
    r"wrong state:? (LOCK|LOCK_CREATE|LOCK_DELETE)\b",
    "one of the front-end's drivers is still at work on it",
    "run again in a minute",
)
ERROR_STATE = Remedy(
    r"wrong state:? (ERROR|UPDATE_FAILURE)\b",
    "its driver failed on the front-end",
    "see its ERROR attribute (`onevnet show`) and /var/log/one/oned.log on the front-end, mend that, then run again",
)
NO_DRIVER = Remedy(
    r"_MAD named \"[^\"]*\" is not defined in oned\.conf",
    "the front-end is configured without that driver",
    "add it to /etc/one/oned.conf on the front-end and restart it; `edgewrap preflight` names all that are missing",
)
BAD_NAME = Remedy(
    r"Invalid (HOST)?NAME",
    "the front-end does not take that name",
    "correct `name` in the spec: letters, digits, `-` and `_`",
)
NO_REASON = Remedy(
    r"no reason given",
    "most likely the range names an IPAM driver that is not in the front-end's oned.conf",
    "add it there (IPAM_MAD), or remove IPAM_MAD from the range",
)
IPAM_DRIVER = Remedy(
    r"Request timeout|IPAM|ipam",
    "the IPAM driver of the front-end failed, or took longer than 90 s",
    "see /var/log/one/oned.log on the front-end",
)
QUOTA = Remedy(
    r"limit of \S+ reached for \S+ quota",
    "a quota of the user or group on the front-end is used up",
    "raise it (`oneuser quota`, `onegroup quota`), or use a user of the group oneadmin",
)
NO_METHOD = Remedy(
    r"Fault -506:",
    "its version is older than 6.10, or this is no OpenNebula front-end",
    "use an OpenNebula of version 6.10 to 7.4",
)
OTHER_SIGNATURE = Remedy(
    r"Fault -50[12]:",
    "its version takes other arguments than those that edgewrap knows",
    "use an OpenNebula of version 6.10 to 7.4",
)
DATABASE = Remedy(
    r"database is locked|Error (inserting|updating) \w+ in DB\.?$|MySQL server has gone away",
    "the front-end could not write to its database",
    "see /var/log/one/oned.log on the front-end, mend the database or make room on its disk, then run again",
)
NO_XML_RPC = Remedy(
    r"ExpatError|ResponseError|ParseError|XMLSyntaxError",
    "what answers there does not speak XML-RPC: a web page, or another service",
    "see to it that opennebula.endpoint is the address of oned, e.g. http://frontend:2633/RPC2",
)

REMEDIES = (
    OTHER_CERTIFICATE,
    NO_TLS,
    OUT_OF_DATE,
    NO_AUTHORITY,
    UNTRUSTED,
    TLS_BROKEN_OFF,
    NO_AGREEMENT,
    PROXY,
    TIMED_OUT,
    NO_NAME,
    REFUSED,
    NO_ROUTE,
    BROKEN_OFF,
    GATEWAY,
    NOT_LET_IN,
    REDIRECTED,
    NOT_ONED,
    UNREACHABLE,
    UNKNOWN_USER,
    LOCKED,
    QUOTA,
    TOO_FEW_RIGHTS,
    OWNER_GONE,
    OWNED_ALREADY,
    GONE,
    NAME_TAKEN,
    IN_USE,
    NOT_EMPTY,
    WRONG_STATE,
    ERROR_STATE,
    NO_DRIVER,
    BAD_NAME,
    NO_METHOD,
    OTHER_SIGNATURE,
    DATABASE,
    NO_REASON,
    IPAM_DRIVER,
    NO_XML_RPC,
)
