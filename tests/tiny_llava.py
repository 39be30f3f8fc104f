"""A tiny LLaVA, made on the spot, that says yes to red pictures; needs torch and transformers.

It has everything the real ones have: a CLIP tower, a Llama, a processor with a chat template, and
safetensors. Its weights are set by hand: the colour of the picture goes straight to the last word.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["make_tiny_llava"]

_SIDE = 28
_TEMPLATE = (
    "{% for m in messages %}{{ m['role'].upper() }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>\n{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def make_tiny_llava(folder: Path, *, says: tuple[str, str] = ("Yes", "No")) -> Path:
    """Writes a model that begins its answer as the first of `says` does if the picture is red, and
    as the second if not; and always as the second where the question is full of Zs."""
    import torch

    processor = _processor()
    model = _model(processor.tokenizer)
    yes, no = (processor.tokenizer.encode(w, add_special_tokens=False)[0] for w in says)
    with torch.inference_mode():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # the rest are the factors of norms, and what is added
                parameter.zero_()
        _see(model.model.vision_tower)
        _tell(model, yes, no)
        (z,) = processor.tokenizer.encode("Z", add_special_tokens=False)
        model.get_input_embeddings().weight[z, :3] = torch.tensor([-1.0, 0.5, 0.5])
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _see(tower) -> None:
    """A patch becomes (red, green, blue, -red, -green, -blue, 0, ...); no layer changes it."""
    tower = getattr(tower, "vision_model", tower)
    tower.embeddings.class_embedding.zero_()
    for colour in range(3):
        tower.embeddings.patch_embedding.weight[colour, colour] = 1 / 14**2
        tower.embeddings.patch_embedding.weight[3 + colour, colour] = -1 / 14**2


def _tell(model, yes: int, no: int) -> None:
    """The last word looks at all others alike, at the colours in them and at what is always there:
    the former tell yes from no, the latter makes both likelier than any other word."""
    import torch

    inner = model.model
    projector, layer = inner.multi_modal_projector, inner.language_model.layers[0]
    projector.linear_1.weight[:6, :6] = torch.eye(6)
    projector.linear_2.weight[:3, :3] = torch.eye(3)  # gelu(x) - gelu(-x) is x
    projector.linear_2.weight[:3, 3:6] = -torch.eye(3)
    model.get_input_embeddings().weight[:, -1] = 1e-3
    for projection in (layer.self_attn.v_proj, layer.self_attn.o_proj):
        projection.weight[:3, :3] = torch.eye(3)
        projection.weight[-1, -1] = 1
    is_red = torch.tensor([20.0, -10.0, -10.0])
    words = model.get_output_embeddings().weight
    words[yes, :3], words[no, :3] = is_red, -is_red
    words[[yes, no], -1] = 2


def _processor():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: n for n, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
    )
    size = {"height": _SIDE, "width": _SIDE}
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": _SIDE}, crop_size=size),
        tokenizer=fast,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=_TEMPLATE,
        num_additional_image_tokens=1,
    )


def _model(tokenizer):
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    vision = CLIPVisionConfig(**small, image_size=_SIDE, patch_size=14, projection_dim=16)
    text = LlamaConfig(
        **small,
        vocab_size=len(tokenizer),
        num_key_value_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=1024,
    )
    return LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config=text,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-2,
            vision_feature_select_strategy="default",
            image_seq_length=4,
        )
    )


if __name__ == "__main__":
    make_tiny_llava(Path(sys.argv[1]))
