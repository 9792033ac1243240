"""Renders chat templates: the program that render.py starts. It reads and writes one JSON line per template.

It imports nothing of this package. The environment is the one that chat templates are written for, as in
Transformers and llama-cpp-python: immutable sandbox, trimmed blocks, loop controls, `tojson` without HTML
escapes, `raise_exception`, `strftime_now`.
"""

import json
import sys
from datetime import datetime
from typing import Any

MEMORY = 512 << 20  # bytes of address space
SECONDS = 5  # of CPU time for one request, in case the parent is not there to stop it
LONGEST = 1 << 20  # characters of a rendered prompt


def limit(more_cpu: int) -> None:
    """Limit the memory, and the CPU seconds from now on; does nothing on systems that cannot."""
    try:
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = int(usage.ru_utime + usage.ru_stime) + more_cpu
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass


def environment() -> Any:
    """The jinja2 environment, made once per process."""
    import jinja2.ext
    import jinja2.parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        """`{% generation %}` marks what a model is trained on; it is rendered as if it were not there."""

        tags = {"generation"}  # noqa: RUF012 - jinja2's own convention

        def parse(self, parser: Any) -> Any:
            parser.stream.skip(1)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = to_json
    return made


def to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """JSON without the escapes that would make it safe for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def refuse(message: str) -> None:
    """The function `raise_exception` of templates."""
    raise ValueError(message)


def answer(made: Any, request: dict[str, Any]) -> dict[str, str]:
    """The text, or the reason why there is none."""
    template = made.from_string(request["template"])
    if request["values"] is None:
        return {"text": ""}  # the template was only to be parsed
    text = template.render(
        **request["values"], raise_exception=refuse, strftime_now=lambda form: datetime.now().strftime(form)
    )
    if len(text) > LONGEST:
        return {"error": f"it renders {len(text)} characters; at most {LONGEST} are taken"}
    return {"text": text}


def main() -> None:
    made = environment()
    for line in sys.stdin:
        limit(SECONDS)
        try:
            found = answer(made, json.loads(line))
        except MemoryError:
            found = {"error": f"it needs more than {MEMORY >> 20} MiB of memory"}
        except RecursionError:
            found = {"error": "it nests too deeply"}
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])  # the parent's path: this process starts without environment and site
    main()
