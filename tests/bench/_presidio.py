"""Run by another interpreter that has presidio-analyzer: JSON lines of texts in, JSON lines of findings out.

Pattern recognizers only: those that Presidio loads for English by default and all its others for the United States and
the United Kingdom. A blank spaCy pipeline splits words for their context words. No model is loaded, so what Presidio
finds by one, names and places above all, isn't in the comparison.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine


class Words(NlpEngine):
    """Words and nothing else: a word is its own lemma."""

    def __init__(self) -> None:
        self.nlp = spacy.blank("en")

    def load(self) -> None: ...

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        tokens = self.nlp(text)
        lemmas = [token.text.lower() for token in tokens]
        return NlpArtifacts([], tokens, [token.idx for token in tokens], lemmas, self, language)

    def process_batch(self, texts: Any, language: str, **_: Any) -> Any:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return self.nlp.vocab[word].is_stop

    def is_punct(self, word: str, language: str) -> bool:
        return self.nlp.vocab[word].is_punct

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return ["en"]


def main() -> None:
    engine = Words()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    for recognizer in list(registry.recognizers):
        if "Spacy" in recognizer.name or "Ner" in recognizer.name:
            registry.remove_recognizer(recognizer.name)
    there = {type(recognizer).__name__ for recognizer in registry.recognizers}
    for name, kind in vars(predefined_recognizers).items():
        if name.startswith(("Us", "Uk")) and name not in there and issubclass(kind, PatternRecognizer):
            registry.add_recognizer(kind())
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    names = sorted({recognizer.name for recognizer in registry.recognizers})
    _say({"version": version("presidio-analyzer"), "recognizers": names})
    for line in iter(sys.stdin.readline, ""):
        found = analyzer.analyze(json.loads(line), language="en")
        _say([[one.entity_type, one.start, one.end, one.score] for one in found])


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
