/** Which of these packages were loaded as ES modules: Node keeps no list of those, but its inspector tells of every script. */
import type { Session as InspectorSession } from 'node:inspector'

/** @returns their names; empty where Node was built without an inspector */
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
    // Told at once, of all that is loaded.
    session.post('Debugger.enable')
    session.post('Debugger.disable')
    session.disconnect()
  } catch {
    // Without an inspector nothing is known.
  }
  return found
}
