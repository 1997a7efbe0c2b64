/** Two emulators: one watches Live Metrics as long as it runs, one never does. Tells its parent where they are. */
import { startEmulator } from '../dist/emulator/index.js'

const [watched, unwatched] = await Promise.all([startEmulator(), startEmulator()])
watched.live.watch()
process.send([watched.url, unwatched.url])
