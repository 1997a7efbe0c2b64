import Fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import mercurius from 'mercurius'

const app = Fastify({ logger: true })
await app.register(appInsightsPlugin)
await app.register(mercurius, {
  schema: `
    type Book { id: ID!, title: String }
    type Query { book (id: ID!): Book, books: [Book!] }
  `,
  resolvers: {
    Query: {
      book: async (_root, { id }) => {
        if (id === '0') throw new mercurius.ErrorWithProps('no such book', { code: 'NOT_FOUND' }, 404)
        if (id === '13') throw new TypeError('this book is broken')
        return { id, title: 'A book' }
      },
      books: async () => []
    }
  },
  errorFormatter (execution, context) {
    const { appInsights } = context.reply?.request ?? app
    for (const { originalError, path } of execution.errors ?? []) {
      // What is meant for the client has a status of its own.
      if (originalError !== undefined && (originalError.statusCode ?? 500) >= 500) appInsights.trackException(originalError, { path: path?.join('.') ?? '' })
    }
    return mercurius.defaultErrorFormatter(execution, context)
  }
})

// POST /graphql says little. The fields of the schema do, and no client can invent others.
app.graphql.addHook('preExecution', async (_schema, document, context) => {
  const operation = document.definitions.find(({ kind }) => kind === 'OperationDefinition')
  const fields = operation?.selectionSet.selections.filter(({ kind }) => kind === 'Field').map(({ name }) => name.value) ?? []
  context.reply?.request.appInsights.span.updateName(`${operation?.operation} ${[...new Set(fields)].sort().join(', ')}`)
})

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
process.once('SIGTERM', () => { void app.close() })
