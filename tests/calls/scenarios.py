"""What do trunk, customer, agent and carrier say? Scenarios for sipp, put together from the steps of a call.

A call in progress follows the Record-Route (`rrs`, `[routes]`, `[next_url]`), which sipp's own scenarios do not.
"""

SDP = """v=0
o=- 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000"""
TAG = "[pid]x[call_number]"


def _scenario(name: str, *steps: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{name}">\n' + "\n".join(steps) + "\n</scenario>\n"


def _send(text: str, attributes: str = 'retrans="500"') -> str:
    return f"<send {attributes}><![CDATA[\n\n{text}\n\n]]></send>"


def _receive(what: str, attributes: str = "") -> str:
    kind = "request" if what.isalpha() else "response"
    return f'<recv {kind}="{what}" {attributes}/>'


def request(
    method: str,
    uri: str,
    caller: str,
    *headers: str,
    cseq: int = 1,
    branch: str = "",
    to: str = "",
    to_tag: str = "",
    body: str = "",
) -> str:
    """A request of the caller's side. `uri` is whom it asks for, `caller` the address in From.

    `branch` names the transaction: an INVITE, its CANCEL and the ACK of what is no success are one.
    """
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK{TAG}x{branch or method}{cseq}",
        f"From: {caller};tag={TAG}",
        f"To: <{to or uri}>{to_tag}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *headers,
    ]
    if body:
        lines += ["Content-Type: application/sdp", "Content-Length: [len]", "", body]
    else:
        lines += ["Content-Length: 0"]
    return "\n".join(lines)


class Calling:
    """Who calls `uri` as `caller`, and what becomes of it."""

    def __init__(self, uri: str, caller: str, *headers: str) -> None:
        self._uri = uri
        self._caller = caller
        self._headers = headers
        self._cseq = 1
        self._steps: list[str] = []
        self._invite()

    def _invite(self, *headers: str) -> None:
        asked = request("INVITE", self._uri, self._caller, *self._headers, *headers, cseq=self._cseq, body=SDP)
        self._steps += [_send(asked), _receive("100", 'optional="true"'), _receive("180", 'optional="true"')]

    def _acknowledge(self) -> None:
        """What is no success."""
        text = request("ACK", self._uri, self._caller, cseq=self._cseq, branch="INVITE", to_tag="[peer_tag_param]")
        self._steps.append(_send(text, ""))

    def logs_in(self, username: str, password: str) -> "Calling":
        """After a 407, with the digest."""
        self._steps.append(_receive("407", 'auth="true"'))
        self._acknowledge()
        self._cseq += 1
        self._invite(f"[authentication username={username} password={password}]")
        return self

    def is_rejected(self, code: int) -> str:
        self._steps.append(_receive(str(code)))
        self._acknowledge()
        return _scenario("rejected", *self._steps)

    def talks(self, milliseconds: int = 50) -> str:
        """Is answered, and hangs up after a while."""
        self.is_answered(milliseconds)
        bye = self._within("BYE", self._cseq + 1)
        return _scenario("talks", *self._steps, _send(bye), _receive("200"))

    def asks_within(self, method: str, code: int) -> str:
        """Is answered, sends a request within the call, and hangs up."""
        self.is_answered(0)
        asked = self._within(method, self._cseq + 1)
        bye = self._within("BYE", self._cseq + 2)
        return _scenario("asks within", *self._steps, _send(asked), _receive(str(code)), _send(bye), _receive("200"))

    def is_hung_up_on(self) -> str:
        """Is answered, and waits until the other side ends it."""
        self.is_answered(0)
        return _scenario("is hung up on", *self._steps, _receive("BYE"), _send(_answer("200 OK"), ""))

    def is_answered(self, milliseconds: int) -> None:
        self._steps += [
            _receive("200", 'rrs="true"'),
            _send(self._within("ACK", self._cseq), ""),
            *([f'<pause milliseconds="{milliseconds}"/>'] if milliseconds else []),
        ]

    def _within(self, method: str, cseq: int) -> str:
        return request(
            method, "[next_url]", self._caller, "[routes]", cseq=cseq, to=self._uri, to_tag="[peer_tag_param]"
        )

    def gives_up(self, milliseconds: int, *, ringing: bool = True) -> str:
        """Cancels after a while, while it rings or is still on its way."""
        cancel = request("CANCEL", self._uri, self._caller, cseq=self._cseq, branch="INVITE")
        self._steps[-2:] = [_receive("100", 'optional="true"'), _receive("180")] if ringing else [_receive("100")]
        self._steps += [
            f'<pause milliseconds="{milliseconds}"/>',
            _send(cancel),
            _receive("200"),
            _receive("487"),
        ]
        self._acknowledge()
        return _scenario("gives up", *self._steps)


def _answer(line: str, *headers: str, contact: str = "", body: str = "") -> str:
    lines = [f"SIP/2.0 {line}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]", f"[last_To:];tag={TAG}"]
    lines += ["[last_Call-ID:]", "[last_CSeq:]", *headers, *([f"Contact: <{contact}>"] if contact else [])]
    lines += ["Content-Type: application/sdp", "Content-Length: [len]", "", body] if body else ["Content-Length: 0"]
    return "\n".join(lines)


HERE = "sip:agent@[local_ip]:[local_port];transport=[transport]"


def answers(contact: str = HERE, within: str = "") -> str:
    """Who takes each call, and is hung up on; and before that is asked something else, if `within` says so."""
    done = _send(_answer("200 OK").replace(f";tag={TAG}", ""), "")
    return _scenario(
        "answers",
        _receive("INVITE"),
        _send(_answer("200 OK", contact=contact, body=SDP)),
        _receive("ACK"),
        *([_receive(within), done] if within else []),
        _receive("BYE"),
        done,
    )


def answers_and_hangs_up() -> str:
    """Who takes a call and ends it, by the route that came with it."""
    bye = "\n".join(
        [
            "BYE [next_url] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            "From: [$2];tag=" + TAG,
            "To: [$1]",
            "Call-ID: [call_id]",
            "CSeq: 1 BYE",
            "[routes]",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
    )
    keep = "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{header}:" assign_to="{place}"/>'
        for place, header in enumerate(("From", "To"), 1)
    )
    return _scenario(
        "answers and hangs up",
        f'<recv request="INVITE" rrs="true"><action>{keep}</action></recv>',
        _send(_answer("200 OK", contact=HERE, body=SDP)),
        _receive("ACK"),
        _send(bye),
        _receive("200"),
    )


def refuses(line: str, *headers: str) -> str:
    """Who takes no call: `503 Busy Here`, …"""
    return _scenario("refuses", _receive("INVITE"), _send(_answer(line, *headers)), _receive("ACK"))


def rings() -> str:
    """Who rings and never answers; told that it is over, it says so."""
    cancelled = _answer("487 Request Terminated").replace("[last_CSeq:]", "CSeq: 1 INVITE")
    return _scenario(
        "rings",
        _receive("INVITE"),
        _send(_answer("180 Ringing"), ""),
        _receive("CANCEL"),
        _send(_answer("200 OK"), ""),
        _send(cancelled.replace("[last_Record-Route:]\n", "")),
        _receive("ACK"),
    )
