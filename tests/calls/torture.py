"""Which messages try a parser? Our own, after the descriptions in RFC 4475; each is named as there, with its section.

`%s` is whom they are for. Lines end in CRLF; what is said in bytes is said so on purpose.
"""

NUMBER = "+442079460998"
"""Nobody has it, so that what is understood ends with 404."""

_VIA = "Via: SIP/2.0/UDP 127.0.0.5:9;branch=z9hG4bK%s;rport"


def _message(name: str, line: str, *headers: str, body: str = "") -> bytes:
    """With the headers that each request needs, but for those that are given: `Name:` alone leaves one out."""
    method = line.partition(" ")[0]
    plain = {
        "Via": _VIA % name,
        "From": "From: <sip:caller@127.0.0.5>;tag=torture",
        "To": f"To: <sip:{NUMBER}@sip.example.com>",
        "Call-ID": f"Call-ID: {name}@127.0.0.5",
        "CSeq": f"CSeq: 1 {method}",
        "Contact": "Contact: <sip:caller@127.0.0.5:9>",
        "Max-Forwards": "Max-Forwards: 70",
        "Content-Length": f"Content-Length: {len(body.encode())}",
    }
    given = {each.partition(":")[0].strip() for each in headers}
    lines = [line, *(text for name, text in plain.items() if name not in given)]
    lines += [each for each in headers if not each.endswith(":")]
    return "\r\n".join([*lines, "", body]).encode()


def _invite(name: str, *headers: str, body: str = "") -> bytes:
    return _message(name, f"INVITE sip:{NUMBER}@sip.example.com SIP/2.0", *headers, body=body)


_LONG = "long" * 200
_ODD = "!odd-Method0123456789_*+`.%there'~"

MESSAGES = {
    # 3.1.1: valid, and seldom seen.
    "3.1.1.1 wsinv": _message(
        "wsinv",
        f"INVITE sip:{NUMBER}@sip.example.com;unknownparam SIP/2.0",
        "Via:",
        "v:  SIP  / 2.0  / UDP\r\n 127.0.0.5:9  ;\r\n  branch  =  z9hG4bKwsinv ; rport",
        "From:",
        'f  :  "A \\\\ \\" quote"\r\n  <sip:caller@127.0.0.5> ;\r\n   tag  = 98asjd8',
        "To:",
        f"TO :\r\n sip:{NUMBER}@sip.example.com ;   x    =  1",
        "Max-Forwards:",
        "MaX-fOrWaRdS: 0068",
        "Call-ID:",
        "i: wsinv.ab@127.0.0.5",
        "CSeq:",
        "cseq:   0009   INVITE",
        "NewFangledHeader:   of\r\n no use,, \t;",
    ),
    "3.1.1.2 intmeth": _message(
        "intmeth",
        f"{_ODD} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(no)@x SIP/2.0",
        'From: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~@x>;tag=_token~1\'+`*%!-.',
        "CSeq: 139122385 " + _ODD,
    ),
    "3.1.1.3 esc01": _message("esc01", "INVITE sip:sips%3Auser%40x.example@sip.example.com SIP/2.0"),
    "3.1.1.4 escnull": _invite(
        "escnull", "From: sip:null-%00-null@127.0.0.5;tag=1", "Contact: <sip:%00@127.0.0.5>, <sip:%00%00@127.0.0.5>"
    ),
    "3.1.1.5 esc02": _message(
        "esc02", "RE%47IST%45R sip:sip.example.com SIP/2.0", 'From: "%Z%45" <sip:r@x>;tag=f%62%3A'
    ),
    "3.1.1.6 lwsdisp": _invite("lwsdisp", "From: caller<sip:caller@127.0.0.5>;tag=1"),
    "3.1.1.7 longreq": _invite(
        "longreq",
        f'From: "I have a user name of extreme proportion {_LONG}" <sip:{_LONG}@127.0.0.5:6000;{_LONG}={_LONG}>;tag=1',
        f"Unknown-{_LONG}: unknown-{_LONG}",
        *(f"Via: SIP/2.0/TCP sip{place}.example.com;branch=z9hG4bK{place}" for place in range(40)),
    ),
    "3.1.1.8 dblreq": _message("dblreq", "REGISTER sip:sip.example.com SIP/2.0") + _invite("dblreq2"),
    "3.1.1.9 semiuri": _message("semiuri", "OPTIONS sip:user;par=u%40example.net@sip.example.com SIP/2.0"),
    "3.1.1.10 transports": _message(
        "transports",
        "OPTIONS sip:sip.example.com SIP/2.0",
        *(f"Via: SIP/2.0/{each} t{each}.example.com;branch=z9hG4bK{each}" for each in ("SCTP", "TLS", "UNKNOWN")),
    ),
    "3.1.1.11 mpart01": _message(
        "mpart01",
        f"MESSAGE sip:{NUMBER}@sip.example.com SIP/2.0",
        "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
        body="--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\r\n--7a9cbec02ceef655--\r\n",
    ),
    "3.1.1.12 unreason": _message("unreason", "SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e", "CSeq: 1 INVITE"),
    "3.1.1.13 noreason": _message("noreason", "SIP/2.0 100 ", "CSeq: 1 INVITE"),
    # 3.1.2: invalid.
    "3.1.2.1 badinv01": _invite(
        "badinv01", 'Contact: "Joe" <sip:joe@example.org>;;;;', "Via: SIP/2.0/UDP 127.0.0.5;;,;,,"
    ),
    "3.1.2.2 clerr": _invite("clerr", "Content-Length: 9999", body="v=0\r\n"),
    "3.1.2.3 ncl": _invite("ncl", "Content-Length: -999", body="v=0\r\n"),
    "3.1.2.4 scalar02": _invite(
        "scalar02", "CSeq: 36893488147419103232 INVITE", "Max-Forwards: 300", "Expires: 10000000000000000000000000"
    ),
    "3.1.2.5 scalarlg": _message("scalarlg", "SIP/2.0 503 Service Unavailable", "CSeq: 9292394834772304023312 OPTIONS"),
    "3.1.2.6 quotbal": _invite("quotbal", f'To: "Mr. J. User <sip:{NUMBER}@sip.example.com>'),
    "3.1.2.7 ltgtruri": _message("ltgtruri", f"INVITE <sip:{NUMBER}@sip.example.com> SIP/2.0"),
    "3.1.2.8 lwsruri": _message("lwsruri", f"INVITE sip:{NUMBER}@sip.example.com; lr SIP/2.0"),
    "3.1.2.9 lwsstart": _message("lwsstart", f"INVITE  sip:{NUMBER}@sip.example.com  SIP/2.0"),
    "3.1.2.10 trws": _message("trws", f"OPTIONS sip:{NUMBER}@sip.example.com SIP/2.0  "),
    "3.1.2.11 escruri": _message("escruri", f"INVITE sip:{NUMBER}@sip.example.com?Route=%3Csip:x.example%3E SIP/2.0"),
    "3.1.2.12 baddate": _invite("baddate", "Date: Fri, 01 Jan 2010 16:00:00 EST"),
    "3.1.2.13 regbadct": _message(
        "regbadct", "REGISTER sip:sip.example.com SIP/2.0", "Contact: sip:u@x?Route=%3Csip:y%3E"
    ),
    "3.1.2.14 badaspec": _invite("badaspec", 'To: "Watson" < sip:t.watson@example.org >'),
    "3.1.2.15 baddn": _invite("baddn", "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),
    "3.1.2.16 badvers": _message("badvers", f"OPTIONS sip:{NUMBER}@sip.example.com SIP/7.0"),
    "3.1.2.17 mismatch01": _message("mismatch01", f"OPTIONS sip:{NUMBER}@sip.example.com SIP/2.0", "CSeq: 8 INVITE"),
    "3.1.2.18 mismatch02": _message("mismatch02", f"NEWMETHOD sip:{NUMBER}@sip.example.com SIP/2.0", "CSeq: 8 INVITE"),
    "3.1.2.19 bigcode": _message("bigcode", "SIP/2.0 4294967301 better not break the receiver", "CSeq: 1 INVITE"),
    # 3.2: for transactions.
    "3.2.1 badbranch": _message("", f"OPTIONS sip:{NUMBER}@sip.example.com SIP/2.0", "Call-ID: badbranch"),
    # 3.3: for what is above them.
    "3.3.1 insuf": _invite("insuf", "From:", "To:", "Call-ID:", "Max-Forwards:"),
    "3.3.2 unkscm": _message("unkscm", "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"),
    "3.3.3 novelsc": _message("novelsc", "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"),
    "3.3.4 unksm2": _invite(
        "unksm2", "To: isbn:2983792873", "From: <http://www.example.com>;tag=1", "Contact: <name:John_Smith>"
    ),
    "3.3.5 bext01": _invite("bext01", "Require: nothingSupportsThis", "Proxy-Require: noProxiesSupportThis"),
    "3.3.6 invut": _invite(
        "invut", "Content-Type: application/unknownformat", body="<audio><pcmu port='443'/></audio>"
    ),
    "3.3.7 regaut01": _invite("regaut01", "Proxy-Authorization: NoOneKnowsThisScheme opaque-data=here"),
    "3.3.8 multi01": _invite(
        "multi01",
        "CSeq: 59 INVITE",
        "CSeq: 8 INVITE",
        "Call-ID: a",
        "Call-ID: b",
        "From: <sip:x@y>;tag=1",
        "From: <sip:z@y>",
    ),
    "3.3.9 mcl01": _invite("mcl01", "Content-Length: 5", "Content-Length: 3", body="v=0\r\n"),
    "3.3.10 bcast": _message(
        "bcast", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKb", "CSeq: 1 INVITE"
    ),
    "3.3.11 zeromf": _invite("zeromf", "Max-Forwards: 0"),
    "3.3.15 sdp01": _invite("sdp01", "Accept: text/nobodyKnowsThis", "Content-Type: application/sdp", body="v=0\r\n"),
    "3.4.1 inv2543": _message(
        "inv2543", f"INVITE sip:{NUMBER}@sip.example.com SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.5:9", "Max-Forwards:"
    ),
    # And some that stand in no RFC.
    "a folded CSeq": _invite("folded", "CSeq: 9\r\n  INVITE"),
    "nothing": b"",
    "line ends": b"\r\n\r\n\r\n\r\n",
    "zeros": bytes(1200),
    "all bytes": bytes(range(256)) * 8,
    "half": _invite("half")[:90],
    "no UTF-8": _message("utf", "INVITE sip:\xff\xfe@sip.example.com SIP/2.0").decode().encode("latin-1"),
    "a raw NUL": _invite("nul", "From: <sip:a\x00b@127.0.0.5>;tag=1"),
    "1,000 headers": _invite("many", *(f"X-{place}: 1" for place in range(1000))),
    "a large datagram": _invite("large", "X: " + "x" * 60000),
    "JSON": _invite("json", 'Call-ID: a","to":"+442079460000","x":"\\'),
    "a % format": _invite("format", "Call-ID: %s%n%x$ci$(avp(x))", "From: <sip:%25n%25s$ru@127.0.0.5>;tag=%n"),
}
