/** Package names → those loaded as ES modules. Node has no list of them, but its inspector reports every script. */
import type { Session as InspectorSession } from 'node:inspector'

/** @returns their names; empty if Node was built without an inspector */
export function loadedEsModules (names: readonly string[]): Set<string> {
  const found = new Set<string>()
  try {
    const { Session } = require('node:inspector') as { Session: new () => InspectorSession }
    const session = new Session()
    session.connect()
    session.on('Debugger.scriptParsed', ({ params: { url, isModule } }) => {
      if (isModule !== true || !url.startsWith('file:')) return
      const inPackage = url.slice(url.lastIndexOf('/node_modules/') + '/node_modules/'.length)
      for (const name of names) if (inPackage.startsWith(`${name}/`)) found.add(name)
    })
    // Reports all loaded scripts at once.
    session.post('Debugger.enable')
    session.post('Debugger.disable')
    session.disconnect()
  } catch {
    // Node was built without an inspector.
  }
  return found
}
