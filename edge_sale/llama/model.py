"""A loaded chat model: its weights, its vocabulary and its chat template."""

from __future__ import annotations

from typing import Any

import llama_cpp.llama_cpp as lib

from edge_sale.errors import EngineError, PromptTooLong
from edge_sale.llama.chat import ChatTemplate
from edge_sale.llama.tokenized_prompt import TokenizedPrompt, choose_cuts
from edge_sale.llama.vocabulary import Vocabulary
from edge_sale.types import Prompt


class Model:
    """Turns prompts into the tokens that the model was trained on."""

    def __init__(self, name: str, handle: Any, context: int = 0) -> None:
        """`handle` is llama.cpp's, which the caller frees. `context` 0 is the length that the model was trained for.

        Raises EngineError, NoChatTemplate for a model that cannot answer.
        """
        self.name, self.handle = name, handle
        self.vocabulary = Vocabulary(handle)
        if not self.vocabulary.has_end:
            raise EngineError(
                f"model {name!r}: its vocabulary has no end token, so no answer would end; choose an instruct model"
            )
        trained = int(lib.llama_model_n_ctx_train(handle))
        self.context = min(context, trained) if context else trained
        template = lib.llama_model_chat_template(handle, None)
        self._template = ChatTemplate(
            name,
            template.decode() if template else None,
            bos=self.vocabulary.name(self.vocabulary.bos),
            eos=self.vocabulary.name(self.vocabulary.eos),
        )

    def tokenize(self, prompt: Prompt) -> TokenizedPrompt:
        """The prompt in the model's chat format, with the places up to which it can be reused."""
        vocabulary = self.vocabulary
        tokens: list[int] = []
        ends: list[int] = []
        fixed = 0
        for text, message in self._template.pieces(prompt):
            if message is not None and not fixed and message >= prompt.fixed:
                fixed = len(tokens)  # the first text that may be a user's begins here
            special = message is None
            if not tokens or vocabulary.is_control(tokens[-1]):
                tokens += vocabulary.tokenize(text, special=special)
            else:
                tokens += vocabulary.tokenize_inline(text, special=special)
            if vocabulary.adds_bos and tokens[:1] != [vocabulary.bos]:
                tokens.insert(0, vocabulary.bos)
            ends.append(len(tokens))
        fixed = fixed if prompt.fixed else 0
        return TokenizedPrompt(tokens, choose_cuts((end for end in ends if end > fixed), fixed), fixed)

    def tokenize_with_room(self, prompt: Prompt, more: int) -> TokenizedPrompt:
        """The prompt's tokens. Raises PromptTooLong if `more` tokens do not fit behind them."""
        tokenized = self.tokenize(prompt)
        if len(tokenized.tokens) + more > self.context:
            raise PromptTooLong(self.name, len(tokenized.tokens) + more, self.context)
        return tokenized

    def single_token(self, option: str) -> int:
        """The one token of an option. Raises EngineError for an option of none or several."""
        tokens = self.vocabulary.tokenize_inline(option, special=False)
        if len(tokens) != 1:
            raise EngineError(f"model {self.name!r}: option {option!r} is {len(tokens)} tokens, should be one")
        return tokens[0]
