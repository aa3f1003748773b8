"""Makes unigram.gguf and wordpiece.gguf beside it, with what the reference programs make of some texts.

    pip install gguf sentencepiece tokenizers && python make_tokenizers.py TEXT GOLDEN

TEXT is a text to train on (tests/golden/text.txt), GOLDEN the folder of reference outputs (tokenizers/wordpiece_bert).
unigram.gguf is a unigram model as llama.cpp's convert_hf_to_gguf.py writes T5's: with a table of replaced characters
(unigram.json: sentencepiece's ids and texts). wordpiece.gguf is a BERT vocabulary as that script writes it, with "▁"
before tokens that begin a word (wordpiece.json: the ids of the tokenizers package).
"""

import io
import json
import pathlib
import sys
import tempfile

import gguf
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2

HERE = pathlib.Path(__file__).parent
TEXTS = ["", " ", "Hello, world!", " two  spaces  ", "the whale the whale", "ﬁne Ａ ａ\u00a0b", "1234567890 3.14",
         "\ttab\nline", "naïve café 東京 🙂", "unaffable", "Don't stop, it's snow-white.", "a" * 120, "CALL ME Ishmael",
         "x = [1, 2]; // ok", "\u200bzero\u0301"]
RULES = [("ﬁ", "fi"), ("Ａ", "A"), ("ａ", "a"), ("\u00a0", " "), ("\t", " "), ("\n", " "), ("🙂", ":)"), ("\u200b", "")]


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def train_unigram(text):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as rules:
        for source, target in RULES:
            rules.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
        rules.flush()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text.splitlines()), model_writer=model, model_type="unigram", vocab_size=400,
            normalization_rule_tsv=rules.name, byte_fallback=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
            num_threads=1, minloglevel=2)
    return model.getvalue()


def make_unigram(text):
    serialized = train_unigram(text)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(serialized)
    writer = gguf.GGUFWriter(HERE / "unigram.gguf", "t5")
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.piece.encode() for piece in proto.pieces])
    writer.add_token_scores([piece.score for piece in proto.pieces])
    writer.add_token_types([piece.type for piece in proto.pieces])  # the numbers are the same
    writer.add_add_space_prefix(proto.normalizer_spec.add_dummy_prefix)
    writer.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    writer.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(True)
    finish(writer)
    model = sentencepiece.SentencePieceProcessor(model_proto=serialized)
    cases = [{"text": t, "ids": model.encode(t), "decoded": model.decode(model.encode(t))} for t in TEXTS]
    (HERE / "unigram.json").write_text(json.dumps(cases) + "\n")


def make_wordpiece(file):
    published = json.loads(file.read_text())
    vocabulary = sorted(published["model"]["vocab"], key=published["model"]["vocab"].get)
    special = {token["content"] for token in published["added_tokens"]}

    def phantom(token):
        return token if token in special else token[2:] if token.startswith("##") else "▁" + token

    writer = gguf.GGUFWriter(HERE / "wordpiece.gguf", "bert")
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([phantom(token).encode() for token in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in vocabulary])
    writer.add_unk_token_id(vocabulary.index("[UNK]"))
    writer.add_bos_token_id(vocabulary.index("[CLS]"))
    writer.add_sep_token_id(vocabulary.index("[SEP]"))
    writer.add_pad_token_id(vocabulary.index("[PAD]"))
    writer.add_mask_token_id(vocabulary.index("[MASK]"))
    finish(writer)
    reference = tokenizers.Tokenizer.from_file(str(file))
    cases = []
    for text in TEXTS:
        ids = reference.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": reference.decode(ids, skip_special_tokens=True)})
    (HERE / "wordpiece.json").write_text(json.dumps(cases) + "\n")


make_unigram(pathlib.Path(sys.argv[1]).read_text())
make_wordpiece(pathlib.Path(sys.argv[2]) / "tokenizers/wordpiece_bert/tokenizer.json")
