"""deploy/ against the tools that know: hadolint, Kubernetes' schemas, the product's own settings, the dynamic linker."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MANIFESTS = [
    (path.name, document)
    for path in sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
# The oldest version that deploy/README.md promises, and the newest that the validator knows.
VERSIONS = ["1.28", kubernetes_validate.latest_version()]


def of_kind(kind):
    found = [document for _, document in MANIFESTS if document["kind"] == kind]
    assert len(found) == 1, f"{kind}: {len(found)} of them, expected 1"
    return found[0]


def pod():
    return of_kind("StatefulSet")["spec"]["template"]


def binary():
    path = os.environ.get("TAGSTREAM_BINARY", str(ROOT / ".build" / "release" / "tagstream"))
    if not os.access(path, os.X_OK):
        pytest.fail(f"no binary at {path}: make build, or set TAGSTREAM_BINARY")
    return path


# MARK: The image


def test_hadolint_finds_nothing_in_the_dockerfile():
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def stages():
    """The instructions of each stage, continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    instructions = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    result = []
    for instruction in instructions:
        if instruction.startswith("FROM "):
            result.append([])
        result[-1].append(instruction)
    return result


def installed(stage):
    packages = set()
    for instruction in stage:
        for names in re.findall(r"apt-get install ([^&]*)", instruction):
            packages |= {name for name in names.split() if not name.startswith("-")}
    return packages


def test_the_image_runs_as_the_user_that_the_pod_asks_for():
    users = [line.split()[1] for line in stages()[-1] if line.startswith("USER ")]
    assert len(users) == 1
    user, group = map(int, users[0].split(":"))
    context = pod()["spec"]["securityContext"]
    assert (user, group) == (context["runAsUser"], context["runAsGroup"])
    assert user != 0


def test_the_build_stage_installs_what_setup_installs_for_building():
    text = (ROOT / "scripts" / "setup").read_text()
    packages = set(re.search(r"^build_packages=\((.*)\)$", text, re.MULTILINE)[1].split())
    of_the_image = {"g++", "git", "ca-certificates"}  # swift's image carries a linker, C++'s headers and git
    assert installed(stages()[0]) == packages - of_the_image


def test_the_build_context_has_every_folder_that_package_swift_names():
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert {"Package.swift", "Sources", "Tests", "Examples"} <= allowed
    for name in allowed:
        assert (ROOT / name).exists(), name


def test_the_image_holds_the_packages_that_the_binary_loads():
    for tool in ("ldd", "dpkg-query", "objdump"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here")
    path = binary()
    listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    places = dict(re.findall(r"^\s*(\S+) => (\S+)", listing, re.MULTILINE))
    missing = [name for name, place in places.items() if place == "not"]
    assert not missing, f"not found: {missing}"
    headers = subprocess.run(["objdump", "-p", path], capture_output=True, text=True, check=True).stdout
    needed = set()
    for name in re.findall(r"NEEDED\s+(\S+)", headers):
        # Swift's own libraries are linked statically into the image's binary (--static-swift-stdlib).
        if name not in places or re.match(r"lib(swift|_?Foundation|dispatch|BlocksRuntime)", name):
            continue
        needed.add(owner(places[name]))
    there = {"libc6", "libgcc-s1"}  # in every Debian image
    of_data = {"ca-certificates", "uap-core"}
    assert needed - there == installed(stages()[-1]) - of_data


def test_the_image_holds_the_rules_of_user_agents_where_the_command_looks():
    assert "uap-core" in installed(stages()[-1])
    text = subprocess.run([binary(), "user-agent", "--help"], capture_output=True, text=True, check=True).stdout
    place = re.search(r"default:\s+(/\S+regexes\.yaml)", text)[1]
    listing = subprocess.run(["dpkg-query", "-L", "uap-core"], capture_output=True, text=True)
    if listing.returncode != 0:
        pytest.skip("no uap-core here: scripts/setup test")
    assert place in listing.stdout.split()


def owner(path):
    """The Debian package of a library. dpkg may know it under /usr or, as before the merge of /usr, without."""
    real = os.path.realpath(path)
    for candidate in (path, real, path.removeprefix("/usr"), real.removeprefix("/usr")):
        run = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True)
        if run.returncode == 0:
            return run.stdout.split(":")[0]
    pytest.skip(f"{path} is of no Debian package here")


def test_the_second_stage_has_the_binary_and_the_examples_where_the_demo_looks():
    last = stages()[-1]
    assert "COPY --from=build /stage/bin/tagstream /usr/local/bin/tagstream" in last
    assert "COPY Examples /usr/local/share/tagstream/Examples" in last
    assert 'ENTRYPOINT ["/usr/local/bin/tagstream"]' in last


# MARK: Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name, document", MANIFESTS, ids=[f"{name}-{d['kind']}" for name, d in MANIFESTS])
def test_a_manifest_is_what_kubernetes_takes(name, document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_selectors_select_the_pods():
    labels = pod()["metadata"]["labels"].items()
    assert of_kind("StatefulSet")["spec"]["selector"]["matchLabels"].items() <= labels
    assert of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels
    assert of_kind("Service")["spec"]["selector"].items() <= labels
    assert of_kind("StatefulSet")["spec"]["serviceName"] == of_kind("Service")["metadata"]["name"]


def test_the_slot_is_the_pods_ordinal():
    container = pod()["spec"]["containers"][0]
    assert "--slot=$(TAGSTREAM_ORDINAL)" in container["args"]
    sources = {entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]}
    assert sources == {"TAGSTREAM_ORDINAL": "metadata.labels['apps.kubernetes.io/pod-index']", "TAGSTREAM_POD": "metadata.name"}


def test_every_flag_of_the_pod_is_one_of_run():
    text = subprocess.run([binary(), "run", "--help"], capture_output=True, text=True, check=True).stdout
    flags = [argument.split("=")[0] for argument in pod()["spec"]["containers"][0]["args"] if argument.startswith("--")]
    assert flags
    for flag in flags:
        assert re.search(rf"^  {flag}\b", text, re.MULTILINE), flag


def test_the_configuration_is_mounted_where_the_flag_looks():
    container = pod()["spec"]["containers"][0]
    path = next(a.removeprefix("--config=") for a in container["args"] if a.startswith("--config="))
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    maps = [volume for volume in pod()["spec"]["volumes"] if "configMap" in volume]
    assert maps
    for volume in maps:
        assert volume["configMap"]["name"] == of_kind("ConfigMap")["metadata"]["name"]
        mounted = [f"{mounts[volume['name']]['mountPath']}/{file}" for file in of_kind("ConfigMap")["data"]]
        assert path in mounted


def test_the_crash_journal_is_on_a_volume_that_outlives_the_container():
    settings = yaml.safe_load(next(iter(of_kind("ConfigMap")["data"].values())))
    mounts = {mount["name"]: mount["mountPath"] for mount in pod()["spec"]["containers"][0]["volumeMounts"]}
    kept = [mounts[volume["name"]] for volume in pod()["spec"]["volumes"] if "emptyDir" in volume]
    # In a folder of its own: the volume's root belongs to root and can be written by everybody.
    assert any(settings["crash_journal"].startswith(f"{path}/") for path in kept)


def test_the_pod_may_do_nothing_but_its_work():
    spec = pod()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def settings():
    return yaml.safe_load(of_kind("ConfigMap")["data"]["tagstream.yaml"])


def test_probes_and_scrapers_ask_where_the_worker_listens():
    host, _, port = settings()["http"]["address"].rpartition(":")
    assert host == "0.0.0.0"
    container = pod()["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
    for probe, path in {"livenessProbe": "/livez", "readinessProbe": "/readyz"}.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    assert of_kind("Service")["spec"]["ports"] == [{"name": "http", "port": int(port), "targetPort": "http"}]


def test_a_stopping_pod_has_time_for_its_last_transaction():
    timeout = settings().get("transaction", {}).get("timeout_ms", 15_000)
    assert pod()["spec"]["terminationGracePeriodSeconds"] > 2 * timeout / 1000


def test_the_queues_fit_into_half_of_the_pods_memory():
    limit = pod()["spec"]["containers"][0]["resources"]["limits"]["memory"]
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", limit).groups()
    assert settings()["memory_bytes"] * 2 <= int(number) * {"Mi": 1 << 20, "Gi": 1 << 30}[unit]


def keys(tree, prefix=""):
    for name, value in tree.items():
        if isinstance(value, dict) and name != "kafka":
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def reference_keys():
    """The keys of the reference, those that are shown as comments too."""
    text = (ROOT / "Examples" / "tagstream.reference.yaml").read_text()
    return set(keys(yaml.safe_load(re.sub(r"^  # (\w+: )", r"  \1", text, flags=re.MULTILINE))))


def test_the_configurations_keys_are_in_the_reference():
    assert set(keys(settings())) <= reference_keys()


def test_tagstream_takes_the_configuration(tmp_path):
    """A key that is none stands behind the others: a file is read from its beginning, so the others were taken."""
    path = tmp_path / "tagstream.yaml"
    path.write_text(of_kind("ConfigMap")["data"]["tagstream.yaml"] + "no_such_key: 1\n")
    wrong = subprocess.run([binary(), "run", "--config", path], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "no_such_key is no setting" in wrong.stderr, wrong.stderr
