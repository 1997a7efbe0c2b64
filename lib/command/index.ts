#!/usr/bin/env node
/** Command line → the emulator. */
export {}
