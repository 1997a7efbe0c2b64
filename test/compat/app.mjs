/** The same app with imports. */
import { run } from './app.cjs'

await run(async name => await import(name))
