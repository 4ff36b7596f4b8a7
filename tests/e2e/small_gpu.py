"""A GPU with little memory for tests: Mesa's software GPU behind a Vulkan layer (tests/tools/small_gpu) that refuses what
is too much, as a card would. Needs what ./test.sh gets: a Vulkan build of llama.cpp in .cache/vulkan-server (or
ODYSSEUS_E2E_VULKAN_SERVER), which brings Vulkan's headers, and a C compiler."""
import glob
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "tests/tools/small_gpu"


class Missing(Exception):
    """Why there is no small GPU here."""


def server():
    named = os.environ.get("ODYSSEUS_E2E_VULKAN_SERVER")
    found = [named] if named else sorted(glob.glob(str(ROOT / ".cache/vulkan-server/*/llama-server")))
    if not found or not os.access(found[-1], os.X_OK):
        raise Missing("no llama-server with Vulkan; scripts/debian-llama-server --vulkan --unpacked .cache/vulkan-server makes one")
    return pathlib.Path(found[-1])


def environment(mib, folder):
    """For odysseus: llama-server then sees one GPU of so many MiB. `folder` keeps its state, and the layer."""
    library = folder / "libsmall_gpu.so"
    if not library.exists():
        built = subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-I", str(server().parent / "include"), "-o", str(library),
                                str(SOURCE / "small_gpu_layer.c"), "-lpthread"], capture_output=True, text=True, check=False)
        if built.returncode:
            raise Missing("the Vulkan layer cannot be compiled: " + built.stderr[:300])
        (folder / "small_gpu_layer.json").write_bytes((SOURCE / "small_gpu_layer.json").read_bytes())
    cache = os.environ.get("MESA_SHADER_CACHE_DIR") or str(ROOT / ".cache/mesa")
    pathlib.Path(cache).mkdir(parents=True, exist_ok=True)
    variables = {"VK_DRIVER_FILES": str(server().parent / "llvmpipe.json"), "VK_LAYER_PATH": str(folder),
                 "VK_INSTANCE_LAYERS": "VK_LAYER_TEST_small_gpu", "SMALL_GPU_MIB": str(mib),
                 "SMALL_GPU_STATE": str(folder / "state"), "MESA_SHADER_CACHE_DIR": cache}
    listed = subprocess.run([server(), "--list-devices"], env={**os.environ, **variables}, capture_output=True, text=True,
                            timeout=120, check=False)
    if "Small GPU (%d MiB" % mib not in listed.stdout + listed.stderr:
        raise Missing("Mesa's software GPU does not come up: " + (listed.stdout + listed.stderr)[-300:])
    return variables
