"""Chat templates from strangers: none executes anything, none holds the program up for more than a second."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from edge_sale.errors import EngineError, NoChatTemplate
from edge_sale.llama.chat import NO_TOOLS, ChatTemplate
from edge_sale.llama.render import SECONDS, Renderer, TemplateFailed
from edge_sale.types import Message, Prompt

from .test_chat import CHATML, GEMMA, LLAMA3, MISTRAL, QWEN

PACKAGE = Path(__file__).parents[2] / "edge_sale"
DO = "__import__('os').system('touch CANARY')"
SYSTEM = ".__globals__['__builtins__']['__import__']('os').system('touch CANARY')"
SUBCLASSES = "{% for c in ''.__class__.__mro__[1].__subclasses__() %}{% if 'Popen' == c.__name__ %}"

# each would make the file CANARY in an environment that is no sandbox, or is another way to the same
PAYLOADS = [
    "{{ lipsum" + SYSTEM + " }}",
    "{{ cycler.__init__" + SYSTEM + " }}",
    "{{ joiner.__init__" + SYSTEM + " }}",
    "{{ namespace.__init__" + SYSTEM + " }}",
    "{{ range.__class__.__base__.__subclasses__() }}",
    "{{ dict.mro()[-1].__subclasses__() }}",
    "{{ raise_exception" + SYSTEM + " }}",
    "{{ strftime_now" + SYSTEM + " }}",
    "{{ self.__init__" + SYSTEM + " }}",
    "{{ self._TemplateReference__context.cycler.__init__" + SYSTEM + " }}",
    SUBCLASSES + "{{ c('touch CANARY', shell=True) }}{% endif %}{% endfor %}",
    "{{ ''.__class__.__mro__[1].__subclasses__()[100].__init__" + SYSTEM + " }}",
    "{{ ()['__class__']['__base__']['__subclasses__']() }}",
    "{{ (''|attr('__class__'))|attr('__mro__') }}",
    "{{ (lipsum|attr('__globals__'))['os'].system('touch CANARY') }}",
    "{{ lipsum['__globals__']['os'].system('touch CANARY') }}",
    "{{ lipsum|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}",
    "{{ lipsum|attr(['__glo','bals__']|join) }}",
    "{{ lipsum|map(attribute='__globals__')|list }}",
    "{{ [lipsum]|map(attribute='__globals__')|first|attr('get')('os') }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "{{ '{0.__class__.__mro__}'|format(messages) }}",
    "{{ ('{0.__globals__[os]}'|string).format(lipsum) }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ messages.append.__self__.__class__.__base__.__subclasses__() }}",
    "{{ messages.append({'role': 'system', 'content': 'mine'}) }}",
    "{% import 'os' as os %}{{ os.system('touch CANARY') }}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{% set x = lipsum.__globals__ %}{{ x.os.system('touch CANARY') }}",
    "{{ config.__class__.__init__" + SYSTEM + " }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}{{ m.__init__" + SYSTEM + " }}",
]
BOMBS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(10 ** 12) %}x{% endfor %}",
    "{{ 'x' * 10 ** 10 }}",
    "{{ 10 ** (10 ** 9) }}",
    "{{ (9 ** (9 ** 8))|string|length }}",
    "{% set l = [0] * 10 ** 9 %}{{ l|length }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ 'x'|center(10 ** 10) }}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{{ lipsum(n=99999999) }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
]
VALUES = {"messages": [{"role": "user", "content": "hi"}], "bos_token": "<s>", "eos_token": "</s>"}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


def test_there_are_as_many_as_promised() -> None:
    """30 payloads and 10 bombs at least, all different."""
    assert len(set(PAYLOADS)) >= 30 and len(set(BOMBS)) >= 10


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_template_cannot_reach_out_of_its_sandbox(payload: str, tmp_path: Path, renderer: Renderer) -> None:
    """It fails or renders to nothing of use; no file appears, no secret comes out, messages stay."""
    canary = tmp_path / "canary"
    try:
        text = renderer.render(payload.replace("CANARY", str(canary)), VALUES)
    except TemplateFailed:
        text = ""
    assert not canary.exists()
    assert "root:" not in text and "<class" not in text and "<module" not in text and "subprocess" not in text


def test_the_payloads_work_where_there_is_no_sandbox(tmp_path: Path) -> None:
    """The control: five of them do make their file in a plain environment."""
    made = 0
    for number, payload in enumerate(PAYLOADS):
        canary = tmp_path / str(number)
        try:
            jinja2.Environment().from_string(payload.replace("CANARY", str(canary))).render(
                **VALUES, raise_exception=lambda text: None, strftime_now=lambda form: ""
            )
        except Exception:
            pass
        made += canary.exists()
    assert made >= 5


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_that_would_take_all_time_or_memory_is_stopped(bomb: str, renderer: Renderer) -> None:
    """Within its second (and a little for the process to go); the next one renders as if nothing had been."""
    renderer.render("", None)  # the child is up
    began = time.monotonic()
    with pytest.raises(TemplateFailed):
        renderer.render(bomb, VALUES)
    assert time.monotonic() - began < SECONDS + 1  # the second is on a machine of one's own
    assert renderer.render("{{ messages[0].content }}", VALUES) == "hi"


def test_the_child_has_no_environment_of_the_users(renderer: Renderer) -> None:
    """Whatever gets out of the sandbox finds no token to take along."""
    renderer.render("", None)
    child = renderer._child
    assert child
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc to look into")
    assert "HOME" in os.environ
    assert Path(f"/proc/{child.pid}/environ").read_bytes() == b""


@pytest.mark.parametrize("source", [CHATML, QWEN, LLAMA3, GEMMA, MISTRAL])
@pytest.mark.parametrize("thinking", [True, False])
def test_it_renders_as_llama_cpp_python_does(source: str, thinking: bool, renderer: Renderer) -> None:
    """Blocks are trimmed alike, exceptions, loop controls and JSON are there."""
    source += "{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{{ {'a': '<ü>'}|tojson }}{% endfor %}"
    messages = [{"role": "user", "content": "ONE"}, {"role": "assistant", "content": "TWO"}]
    known = Jinja2ChatFormatter(template=source, bos_token="<s>", eos_token="</s>")
    expected = known(messages=messages, enable_thinking=thinking).prompt  # type: ignore[arg-type]
    values = VALUES | NO_TOOLS | {"messages": messages, "add_generation_prompt": True, "enable_thinking": thinking}
    assert renderer.render(source, values) == expected


def test_a_hostile_template_is_refused_when_the_model_is_loaded() -> None:
    """What takes forever to parse is no chat template; what takes forever to render is an error of the request."""
    with pytest.raises(NoChatTemplate, match=r"'m': its chat template does not parse \(it (was stopped|ended)"):
        ChatTemplate("m", "{{ 10 ** (10 ** 9) }}", bos="", eos="")
    slow = ChatTemplate("m", BOMBS[0], bos="", eos="")
    with pytest.raises(EngineError, match="'m': its chat template failed: it was stopped after 1 s"):
        slow.pieces(Prompt((Message("user", "x"),)))


def test_a_prompt_of_the_same_shape_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roles are all that a template sees: its child is asked anew only for others."""
    chat = ChatTemplate("m", CHATML, bos="", eos="")
    first = chat.pieces(Prompt((Message("user", "a"),)))
    monkeypatch.setattr(Renderer, "render", lambda *_: pytest.fail("asked again"))
    second = chat.pieces(Prompt((Message("user", "b"),)))
    assert [(text.replace("a", "b"), of) for text, of in first if of is not None] == [("b", 0)]
    assert [text for text, of in second if of is None] == [text for text, of in first if of is None]


def test_no_other_module_makes_a_template_environment() -> None:
    """Prompts of our own are rendered in prompts/, strangers' in the child; nowhere else is jinja2 imported."""
    users = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "jinja2" or name.endswith("llama_chat_format") for name in names):
                users.add(path.relative_to(PACKAGE).as_posix())
    assert users == {"prompts/__init__.py", "llama/render_child.py"}
