import { Logger } from '@nestjs/common';

// A test process contains the modules of both programs, and @nestjs/typeorm warns about their two data sources.
Logger.overrideLogger(false);
