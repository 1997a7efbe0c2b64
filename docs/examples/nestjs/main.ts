import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { Logger } from 'nestjs-pino'
import { pino } from 'pino'
import { AppModule } from './app.module'

async function main (): Promise<void> {
  const logger = pino()
  const adapter = new FastifyAdapter({ loggerInstance: logger })
  // First of all, so that Nest's middleware is part of the request too.
  await adapter.getInstance().register(appInsightsPlugin, { serviceName: 'library' })

  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(logger), adapter, { bufferLogs: true })
  app.useLogger(app.get(Logger))
  // SIGTERM closes the app, and what is pending is sent.
  app.enableShutdownHooks()
  await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
}

void main()
