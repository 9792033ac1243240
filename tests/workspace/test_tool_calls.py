"""One parser for every family: the same call in each syntax is the same call."""

import pytest

from edge_sale.workspace.paths import ToolRefused
from edge_sale.workspace.tool_calls import Call, parse
from edge_sale.workspace.tool_schema import bound
from edge_sale.workspace.tools import TOOLS

READ = Call("read", {"path": "src/a.py", "first": 3})
WRITTEN = {
    "ours": 'Let me look.\nread(path="src/a.py", first=3)',
    "ours, positional": 'read("src/a.py", 3)',
    "lfm": '<|tool_call_start|>[read(path="src/a.py", first=3)]<|tool_call_end|>',
    "llama pythonic": '[read(path="src/a.py", first=3)]',
    "gemma 3": '```tool_code\nread(path="src/a.py", first=3)\n```',
    "hermes": '<think></think><tool_call>\n{"name": "read", "arguments": {"path": "src/a.py", "first": 3}}</tool_call>',
    "qwen without an end": '<tool_call>\n{"name": "read", "arguments": {"path": "src/a.py", "first": 3}}',
    "llama json": '<|python_tag|>{"type": "function", "name": "read", "parameters": {"path": "src/a.py", "first": 3}}',
    "phi": '<|tool_call|>[{"name": "read", "arguments": {"path": "src/a.py", "first": 3}}]<|/tool_call|>',
    "granite": '<|tool_call|>[{"name": "read", "arguments": {"path": "src/a.py", "first": 3}}]',
    "openai": '{"id": "1", "function": {"name": "read", "arguments": "{\\"path\\": \\"src/a.py\\", \\"first\\": 3}"}}',
    "fenced json": 'So:\n```json\n{"tool": "read", "args": {"path": "src/a.py", "first": 3}}\n```\nThen I go on.',
    "mistral": '[TOOL_CALLS][{"name": "read", "arguments": {"path": "src/a.py", "first": 3}}]',
    "mistral, newer": '[TOOL_CALLS]read[ARGS]{"path": "src/a.py", "first": 3}',
    "react": 'Thought: I read it.\nAction: read\nAction Input: {"path": "src/a.py", "first": 3}',
    "two calls": 'read(path="src/a.py", first=3)\nread(path="b.py")',
    "other names": '{"name": "read", "arguments": {"file_path": "src/a.py", "start_line": 3}}',
}
TEXTUAL = {  # syntaxes in which every value is text; the tool makes numbers of them
    "qwen xml": "<tool_call>\n<function=read>\n<parameter=path>\nsrc/a.py\n</parameter>\n<parameter=first>\n3\n"
    "</parameter>\n</function>\n</tool_call>",
    "xml without ends": "<function=read><parameter=path>src/a.py<parameter=first>3",
    "gemma": "<start_function_call>call:read{path:<escape>src/a.py<escape>,first:3}<end_function_call>",
    "gemma 4": '<|tool_call>call:read{path:<|"|>src/a.py<|"|>,first:3}<tool_call|>',
}


@pytest.mark.parametrize("text", [")" * 240, "(" * 240, ')\\")(', "'", "read(path='x')"])
def test_brackets_and_quotes_in_a_text_end_no_call(text):
    """As many as a text may hold."""
    found = parse(f'search(pattern="{text}")', TOOLS)
    assert found and found.arguments == {"pattern": text.replace("\\", "")}


@pytest.mark.parametrize("value", ["a\0b", "a\ud800b", 1e999, [1]])
def test_values_that_no_tool_can_take_are_refused_in_words(value):
    """As servers without a grammar may write them."""
    with pytest.raises(ToolRefused):
        bound(TOOLS["read"], {"path": "a.py" if isinstance(value, float) else value, "first": value}, None)


@pytest.mark.parametrize("family", WRITTEN)
def test_every_familys_syntax_is_read(family):
    assert parse(WRITTEN[family], TOOLS) == READ


@pytest.mark.parametrize("family", TEXTUAL)
def test_syntaxes_without_numbers_are_read_too(family):
    assert parse(TEXTUAL[family], TOOLS) == Call("read", {"path": "src/a.py", "first": "3"})


CODE = 'def f(x):\n    return "a\\n" + {"k": x}["k"]  # read(path="no")'
BODIES = {
    "ours": f'edit(path="a.py")\n```python\n{CODE}\n```\nDone.',
    "ours, not closed": f'edit(path="a.py")\n```\n{CODE}',
    "xml": f"<function=edit><parameter=path>a.py</parameter><parameter=content>\n{CODE}\n</parameter></function>",
}


@pytest.mark.parametrize("family", BODIES)
def test_text_below_a_call_is_taken_as_it_is(family):
    """Code with quotes, braces and what looks like a call comes through letter by letter."""
    assert parse(BODIES[family], TOOLS) == Call("edit", {"path": "a.py"}, CODE)


def test_json_with_raw_line_ends_is_read():
    """Models write line ends into JSON strings as they are."""
    said = '<tool_call>{"name": "edit", "arguments": {"path": "a.py", "content": "x = 1\ny = 2"}}</tool_call>'
    assert parse(said, TOOLS) == Call("edit", {"path": "a.py"}, "x = 1\ny = 2")


def test_a_fenced_shell_block_is_a_run_where_nothing_else_was_said():
    assert parse("I look:\n```bash\nls -la\n```", TOOLS) == Call("run", {"command": "ls -la"})
    assert parse('read(path="a")\n```bash\nls\n```', TOOLS) == Call("read", {"path": "a"})


@pytest.mark.parametrize(
    "said",
    [
        "",
        "I would read the file now.",
        "delete(path='x')",
        "read(path=open('/etc/passwd').read())",
        "read(path=",
        "{" * 5000,
        '{"name": "rm", "arguments": {}}',
        "(" * 5000,
        "<function=read",
        "obj.read(path='a')",
        "[TOOL_CALLS]read[ARGS]{",
    ],
)
def test_what_is_no_call_is_none(said):
    """Prose, unknown tools, expressions and broken text are no calls, and nothing of them is evaluated."""
    assert parse(said, TOOLS) is None


def test_reading_takes_no_time_on_hostile_text():
    """A megabyte of opening brackets or tags is over at once."""
    import time

    for unit in ("read(", "{", "<function=read>", "call:read{", "read(path='", "Action: read\nAction Input: "):
        began = time.perf_counter()
        parse(unit * (10**6 // len(unit)), TOOLS)
        assert time.perf_counter() - began < 3, unit


def test_equal_calls_have_equal_keys_however_they_were_written():
    keys = {parse(text, TOOLS).key for text in WRITTEN.values()}
    assert len(keys) == 1
