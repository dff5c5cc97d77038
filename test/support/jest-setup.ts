import { Logger } from '@nestjs/common';

// A test process loads the modules of both programs. @nestjs/typeorm warns about their two data sources.
Logger.overrideLogger(false);
