"""Makes the files beside it with torch.save.

    pip install torch numpy safetensors && python make.py

new.bin and old.bin hold the same tensors in both formats of torch.save; expected.safetensors what torch has of them, one
element after the other. whole/ and shards/ hold them as a folder of one file and of two shards. The others are files
that hold more than tensors, or tensors in a way that is not read.
"""

import collections
import json
import pathlib
import zipfile

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
random = torch.Generator().manual_seed(20)

tensors = torch.nn.Linear(3, 2).state_dict()  # an OrderedDict with _metadata
tensors["weight"] = torch.randn(2, 3, generator=random)
tensors["bias"] = torch.randn(2, generator=random)
tensors["row"] = tensors["weight"][1]
tensors["turned"] = torch.randn(4, 5, generator=random).T
tensors["half"] = torch.randn(7, generator=random).half()
tensors["bfloat"] = torch.randn(3, 1, 2, generator=random).bfloat16()
tensors["double"] = torch.randn(2, generator=random).double()
tensors["long"] = torch.arange(-2, 3)
tensors["bytes"] = torch.arange(5, dtype=torch.uint8)
tensors["bool"] = torch.tensor([True, False])
tensors["scalar"] = torch.tensor(0.5)
tensors["empty"] = torch.zeros(0, 4)
tensors["parameter"] = torch.nn.Parameter(torch.randn(2, 2, generator=random))
torch.save(tensors, HERE / "old.bin", _use_new_zipfile_serialization=False)
tensors["float8"] = torch.randn(6, generator=random).to(torch.float8_e4m3fn)
torch.save(tensors, HERE / "new.bin")
torch.save(tensors, HERE / "protocol4.bin", pickle_protocol=4)
save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, HERE / "expected.safetensors")

for folder in ("whole", "shards"):
    (HERE / folder).mkdir(exist_ok=True)
    (HERE / folder / "config.json").write_text('{"model_type": "llama"}\n')
torch.save(tensors, HERE / "whole/pytorch_model.bin")
names, weight_map = list(tensors), {}
for i, part in enumerate((names[:6], names[6:]), 1):
    shard = f"pytorch_model-0000{i}-of-00002.bin"
    torch.save({k: tensors[k] for k in part}, HERE / "shards" / shard)
    weight_map |= {k: shard for k in part}
index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
(HERE / "shards/pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


class Evil:
    def __reduce__(self):
        return print, ("this was run",)


torch.save({"a": Evil()}, HERE / "bad_call.bin")
torch.save({"a": torch.nn.Linear(1, 1)}, HERE / "bad_module.bin")
torch.save({"a": torch.randn(1).expand(1000)}, HERE / "bad_expanded.bin")
torch.save({"a": torch.eye(2).to_sparse()}, HERE / "bad_sparse.bin")
torch.save([torch.eye(2)], HERE / "bad_list.bin")
torch.save({"a": 3}, HERE / "bad_number.bin")
with zipfile.ZipFile(HERE / "new.bin") as stored, zipfile.ZipFile(
        HERE / "bad_deflated.bin", "w", compression=zipfile.ZIP_DEFLATED) as deflated:
    for name in stored.namelist():
        deflated.writestr(name, stored.read(name))
# zip64 records that nothing of this size needs
with zipfile.ZipFile(HERE / "new.bin") as stored, zipfile.ZipFile(HERE / "zip64.bin", "w") as large:
    for name in stored.namelist():
        with large.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
            member.write(stored.read(name))
