/** Fastify's tests that no plugin with hooks and a name can pass: `npm run fastify -- --all` shows that one which does nothing fails them too. */
const HOOKS = 'counts the hooks of an instance to which it has registered one'
const NAME = 'expects the name of the instance to hold its own plugins only'
const PRINT = 'prints the whole tree of plugins or hooks, and expects its own only'
const SYNC = 'expects reply.send() to throw at its caller; where there is any onSend hook, Fastify catches that error and answers 500'
const READY = 'expects a timeout to name the hook that timed out; Fastify names the last onReady hook, whose ever it is'

export const excluded = [
  { file: 'hooks.on-ready.test.js', test: 'onReady does not call done', reason: READY },
  { file: 'hooks.test.js', test: 'onRequest hook should support encapsulation / 2', reason: HOOKS },
  { file: 'hooks.test.js', test: 'onResponse hook should support encapsulation / 2', reason: HOOKS },
  { file: 'hooks.test.js', test: 'onSend hook should support encapsulation / 1', reason: HOOKS },
  { file: 'hooks.test.js', test: 'preValidation hook should support encapsulation / 2', reason: HOOKS },
  { file: 'plugin.2.test.js', test: 'set the plugin name based on the plugin displayName symbol', reason: NAME },
  { file: 'plugin.2.test.js', test: 'plugin name will change when using no encapsulation', reason: NAME },
  { file: 'plugin.4.test.js', test: 'hasPlugin returns true when using no encapsulation', reason: NAME },
  { file: 'pretty-print.test.js', test: 'pretty print - empty plugins', reason: PRINT },
  { file: 'pretty-print.test.js', test: 'pretty print - includeMeta, includeHooks', reason: PRINT },
  { file: 'reply-error.test.js', test: "'*' should throw an error due to serializer can not handle the payload type", reason: SYNC },
  { file: 'reply-error.test.js', test: 'should throw an error if the custom serializer does not serialize the payload to a valid type', reason: SYNC }
]
