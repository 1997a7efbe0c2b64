/** Records of OpenTelemetry's logs API → the logger of the instance that the context belongs to. */
import type { Context } from '@opentelemetry/api'
import type { LogRecord, Logger, LoggerOptions, LoggerProvider } from '@opentelemetry/api-logs'
import { isTracingSuppressed } from '@opentelemetry/core'
import { isWriting } from '../logs/pino'
import { severityOfName } from '../logs/severity'
import { toAttributes } from '../rows/properties'
import { Severity } from '../rows/severity'
import { context } from '../tracing/context'
import { validTime } from '../tracing/guarded-span'
import type { Instance } from '../instance'
import { instanceOf } from './members'

export const sharedLoggerProvider: LoggerProvider = {
  getLogger (name: string, version?: string, options?: LoggerOptions): Logger {
    return new SharedLogger(name, version, options)
  }
}

class SharedLogger implements Logger {
  readonly #name: string
  readonly #version: string | undefined
  readonly #options: LoggerOptions | undefined
  readonly #loggers = new WeakMap<Instance, Logger>()

  constructor (name: string, version?: string, options?: LoggerOptions) {
    this.#name = name
    this.#version = version
    this.#options = options
  }

  enabled (): boolean {
    const where = context.active()
    return !isTracingSuppressed(where) && instanceOf(where) !== undefined
  }

  emit (record: LogRecord): void {
    const where = record.context ?? context.active()
    const instance = instanceOf(where)
    // Sending telemetry must not cause telemetry, and we already report the line that a destination is writing now.
    if (instance === undefined || isTracingSuppressed(where) || isWriting()) return
    const { exception } = record
    if (isErrorObject(exception) && instance.exceptions !== undefined) {
      this.#report(exception, record, where, instance.exceptions)
      return
    }
    this.#of(instance).emit({
      ...record,
      // The SDK throws if it can't read them.
      timestamp: validTime(record.timestamp),
      observedTimestamp: validTime(record.observedTimestamp),
      severityNumber: severityOf(record) ?? Severity.INFO,
      context: where
    })
  }

  /** Reports the Error object itself, so that it isn't reported again when it is thrown or logged. */
  #report (error: object, record: LogRecord, where: Context, exceptions: NonNullable<Instance['exceptions']>): void {
    const { body, attributes } = record
    const timestamp = validTime(record.timestamp)
    exceptions.report({
      error,
      context: where,
      severity: Math.max(severityOf(record) ?? 0, Severity.ERROR),
      ...(typeof body === 'string' ? { message: body } : {}),
      ...(timestamp === undefined ? {} : { timestamp }),
      attributes: toAttributes(attributes)
    })
  }

  #of (instance: Instance): Logger {
    let logger = this.#loggers.get(instance)
    if (logger === undefined) this.#loggers.set(instance, logger = instance.providers.loggerProvider.getLogger(this.#name, this.#version, this.#options))
    return logger
  }
}

/** Some loggers only give its name. */
function severityOf ({ severityNumber, severityText }: LogRecord): LogRecord['severityNumber'] {
  return severityNumber ?? severityOfName(severityText)
}

function isErrorObject (exception: unknown): exception is object {
  return typeof exception === 'object' && exception !== null
}
