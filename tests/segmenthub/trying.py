"""Commands that answer a file of JSON Lines, as their tests call them."""

import io
import json

from django.core.management import call_command


def answered(command, folder, lines):
    """The answers to lines, each a text or what is written as JSON."""
    file = folder / "people.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    out = io.StringIO()
    call_command(command, str(file), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]
