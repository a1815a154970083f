"""Words that nobody else would write, and the forms in which they could get out all the same."""

import base64
import json
from urllib.parse import quote


def forms(word: str) -> set[str]:
    """As it is, in JSON, in a URL, as hexadecimal digits, and as base64 wherever in a longer text it begins."""
    raw = word.encode()
    found = {word, json.dumps(word)[1:-1], quote(word, safe=""), raw.hex(), raw.hex().upper()}
    for shift in range(3):
        for altchars in (b"+/", b"-_"):
            whole = base64.b64encode(b"\0" * shift + raw + b"\0" * 2, altchars).decode()
            # What of it does not hang on what stands beside the word.
            found.add(whole[4 if shift else 0 : len(base64.b64encode(b"\0" * shift + raw)) - 4])
    return found


def found_in(text: str, canaries: dict[str, str]) -> list[str]:
    """What each of those that are there is, with where it stands."""
    told = []
    for what, word in canaries.items():
        assert len(word) >= 12, f"{word} could be there by chance"
        for form in forms(word):
            if (at := text.find(form)) >= 0:
                told.append(f"{what} as {form!r}: …{text[max(0, at - 150) : at + 100]}…")
                break
    return told
