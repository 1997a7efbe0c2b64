import { Controller, type DynamicModule, Get, Logger, Module, NotFoundException, Param } from '@nestjs/common'
import { LoggerModule } from 'nestjs-pino'
import type { Logger as PinoLogger } from 'pino'

@Controller('books')
class BooksController {
  private readonly logger = new Logger(BooksController.name)

  @Get(':id')
  find (@Param('id') id: string): { id: string } {
    this.logger.log(`reading book ${id}`)
    if (id === '0') throw new NotFoundException('no such book')
    if (id === '13') throw new TypeError('this book is broken')
    return { id }
  }
}

@Module({ controllers: [BooksController] })
export class AppModule {
  /** Nest's lines go through the logger that Fastify has, so that they arrive with their request. */
  static with (logger: PinoLogger): DynamicModule {
    return {
      module: AppModule,
      imports: [LoggerModule.forRoot({ pinoHttp: { logger, autoLogging: false, quietReqLogger: true } })]
    }
  }
}
