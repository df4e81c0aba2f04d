#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what the fuzz target `stream` knows from the registry.

    gen.py PROTOCOL-FOLDER DRIVER-FOLDER OUTDIR

    fields_gen.c    where the fields of each command are on the wire, for fields.c (gen_fields.py)
    checker_gen.c   a driver that reads all that it is given (gen_checker.py)
"""
import sys
from pathlib import Path


def main():
    protocol, driver, out = (Path(a) for a in sys.argv[1:])
    sys.path += [str(protocol), str(driver)]
    import gen_checker
    import gen_fields
    import reg
    registry = reg.Registry(str(protocol / 'venus.reg'))
    (out / 'fields_gen.c').write_text(gen_fields.Emitter(registry).emit())
    (out / 'checker_gen.c').write_text(gen_checker.Emitter(registry, driver).emit())


main()
