#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manifests of packaging/kubernetes: test_kubernetes_manifests.py VITRINE

Each object is compared with Kubernetes' published API, as Debian's python3-kubernetes has it: its classes are generated
from that API's description. Unknown fields, wrong types, missing fields and values that are not allowed are errors.
"""
import datetime
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import yaml
    from kubernetes.client import models
except ImportError as error:
    print(f'skipped: {error}: install python3-kubernetes and python3-yaml')
    sys.exit(77)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'proto'))
import harness
from test_cdi import Server

TREE = Path(__file__).resolve().parents[2]
MANIFESTS = TREE / 'packaging/kubernetes'
KUSTOMIZATIONS = ['base', 'cpu', 'dri', 'nvidia', 'client', 'client-cpu']
PLAIN = {'str': str, 'int': int, 'bool': bool, 'float': (int, float), 'object': object, 'datetime': datetime.datetime}


def check(value, kind, place):
    """Compares a value with a type of the API, such as list[V1Container]. Returns: what the class of the type takes."""
    inner = re.fullmatch(r'list\[(.*)\]|dict\(str, (.*)\)', kind)
    if inner and inner[1]:
        assert isinstance(value, list), f'{place}: not a list'
        return [check(item, inner[1], f'{place}[{i}]') for i, item in enumerate(value)]
    if inner:
        assert isinstance(value, dict), f'{place}: not a map'
        return {check(key, 'str', place): check(item, inner[2], f'{place}.{key}') for key, item in value.items()}
    if kind in PLAIN:
        good = isinstance(value, PLAIN[kind]) and not (kind == 'int' and isinstance(value, bool))
        assert good, f'{place}: {value!r} is not of type {kind}'
        return value
    return check_object(value, getattr(models, kind), place)


def check_object(value, model, place):
    assert isinstance(value, dict), f'{place}: not an object'
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    unknown = set(value) - set(names)
    assert not unknown, f'{place}: the API has no {", ".join(sorted(unknown))}'
    found = {names[key]: check(item, model.openapi_types[names[key]], f'{place}.{key}') for key, item in value.items()}
    try:
        return model(**found)
    except ValueError as error:
        raise AssertionError(f'{place}: {error}')


def check_manifest(document, place):
    version = document['apiVersion'].split('/')[-1]
    place = f'{place}: {document["kind"]} {document["metadata"]["name"]}'
    check_object(document, getattr(models, version.capitalize() + document['kind']), place)
    check_volumes(document, place)


def check_volumes(document, place):
    """What a schema cannot say: mounts name volumes, and selectors match."""
    if document['kind'] not in ('DaemonSet', 'Pod'):
        return
    pod = document['spec']['template']['spec'] if document['kind'] == 'DaemonSet' else document['spec']
    if document['kind'] == 'DaemonSet':
        labels = document['spec']['template']['metadata']['labels']
        assert document['spec']['selector']['matchLabels'].items() <= labels.items(), f'{place}: selector'
    volumes = {volume['name'] for volume in pod.get('volumes', [])}
    containers = pod.get('initContainers', []) + pod['containers']
    mounted = {mount['name'] for container in containers for mount in container.get('volumeMounts', [])}
    assert mounted == volumes, f'{place}: volumes {sorted(volumes)}, mounts {sorted(mounted)}'


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def render(name):
    if not shutil.which('kubectl'):
        raise unittest.SkipTest('kubectl is missing')
    done = subprocess.run(['kubectl', 'kustomize', str(MANIFESTS / name)], capture_output=True, text=True, timeout=60)
    # What 1.20, Debian 12's, says: there "patches" was a name of something else.
    if 'Kustomization.patchesStrategicMerge' in done.stderr or 'unknown field "patches"' in done.stderr:
        raise unittest.SkipTest('kubectl is too old; Debian 13 has a newer one')
    assert done.returncode == 0, f'{name}: {done.stderr}'
    return documents(done.stdout)


class TestManifests(unittest.TestCase):
    def test_files(self):
        files = [path for path in sorted(MANIFESTS.rglob('*.yaml')) if path.name != 'kustomization.yaml']
        self.assertGreater(len(files), 4)
        for path in files:
            for document in documents(path.read_text()):
                check_manifest(document, path.relative_to(MANIFESTS))

    def test_kustomizations(self):
        self.assertEqual(sorted(KUSTOMIZATIONS), sorted(path.parent.name for path in MANIFESTS.glob('*/kustomization.yaml')))
        for name in KUSTOMIZATIONS:
            with self.subTest(name):
                for document in render(name):
                    check_manifest(document, name)

    def test_faults_are_found(self):
        """The check itself: each of these would be refused, or worse ignored, by a cluster."""
        text = (MANIFESTS / 'base/serve.yaml').read_text()
        for old, new, message in (('hostPID', 'hostPid', 'the API has no hostPid'),
                                  ('periodSeconds: 10', 'periodSeconds: often', "'often' is not of type int"),
                                  ('  selector:\n    matchLabels:\n      app.kubernetes.io/name: vitrine-serve\n', '', 'selector'),
                                  ('drop: [ALL]', 'drop: ALL', 'not a list'),
                                  ('name: temporary\n              mountPath', 'name: other\n              mountPath', 'volumes'),
                                  ('matchLabels:\n      app.kubernetes.io/name: vitrine-serve',
                                   'matchLabels:\n      app.kubernetes.io/name: other', 'selector')):
            self.assertIn(old, text)
            with self.assertRaises(AssertionError, msg=old) as caught:
                check_manifest(documents(text.replace(old, new, 1))[0], 'changed')
            self.assertIn(message, str(caught.exception))

    def test_variables(self):
        """Pods get the variables of a specification, with the paths of the device plugin's mounts."""
        server = Server()
        with tempfile.TemporaryDirectory(prefix='vitrine-test-') as folder:
            for name in ('driver.json', 'virtio_icd.x86_64.json'):
                (Path(folder) / name).touch()
            done = subprocess.run([harness.PROGRAM, 'cdi', '--device', f'gpu={server.path}', '--guest-driver', folder],
                                  capture_output=True, text=True, check=True, timeout=60)
        server.stop()
        specification = json.loads(done.stdout)
        edits = [specification['containerEdits'], specification['devices'][0]['containerEdits']]
        wanted = dict(variable.split('=', 1) for edit in edits for variable in edit['env'])
        [found] = documents((MANIFESTS / 'client/environment.yaml').read_text())
        self.assertEqual(found['data'], wanted)
        [plugin] = documents((MANIFESTS / 'base/device-plugin.yaml').read_text())
        [group] = documents(plugin['spec']['template']['spec']['containers'][0]['args'][3])[0]['groups']
        places = [path['mountPath'] for path in group['paths']]
        self.assertEqual(places[:2], [mount['containerPath'] for edit in reversed(edits) for mount in edit['mounts']])


if __name__ == '__main__':
    harness.main()
